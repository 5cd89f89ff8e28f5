import { type Authenticate, letEverybodyIn, letInByToken } from './auth/authenticator.ts';
import { anonymous } from './auth/identity.ts';
import { createBuiltInWorker, loadChecks } from './built-in-worker.ts';
import { algorithmsOf, type Config, isAuthenticated, isLoopback, metricsAccess } from './config.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './database/embedded-postgres.ts';
import { migrate } from './database/migrate.ts';
import { pendingMigrations } from './database/migration-history.ts';
import { Admission } from './http/admission.ts';
import { DocumentGate } from './http/document-gate.ts';
import { Documents } from './http/documents.ts';
import { type ContextOf, createPipeline } from './http/graphql.ts';
import { Limits } from './http/limits.ts';
import { kindOfRequest, operationKinds } from './http/operation-kind.ts';
import { OperationWatch } from './http/operation-watch.ts';
import { anyHost, loopbackHosts } from './http/own-hosts.ts';
import { HttpServer } from './http/server.ts';
import { SharedAnswers } from './http/shared-answers.ts';
import { Sockets } from './http/sockets.ts';
import { noHttpTelemetry } from './http/telemetry.ts';
import { TrustedDocuments } from './http/trusted-documents.ts';
import { Metrics } from './metrics/metrics.ts';
import { RateLimits, type Rates } from './rates/rate-limits.ts';
import { isLimited, RedisTallies } from './rates/redis-tallies.ts';
import { schema } from './schema/index.ts';
import { type AssessmentStore, type Logger, openStore } from './store/index.ts';
import { startTracing } from './tracing/start-tracing.ts';
import type { Tracing } from './tracing/tracing.ts';
import { loadTrustedDocuments } from './trusted-documents.ts';
import { serviceVersion } from './version.ts';

export interface AppOptions {
  config: Config;
  log: Logger;
  /** Told of every SQL statement. */
  onStatement?: (sql: string) => void;
  /** Called when the service cannot go on: its embedded PostgreSQL has ended by itself. */
  onFatal?: (reason: string) => void;
}

/** The whole service. */
export interface App {
  /** Where the GraphQL API is. */
  readonly url: string;
  readonly store: AssessmentStore;
  /** Sends clients away, lets requests under way finish, and stops the parts in the reverse order of their start. Idempotent. */
  stop(): Promise<void>;
  /** Makes a stop go on without waiting for clients to leave one after the other. */
  hurry(): void;
}

const path = '/graphql';

/**
 * Starts the service: takes the port, brings up the embedded PostgreSQL unless DATABASE_URL names a server, applies the migrations,
 * opens the store, and serves.
 * @throws StartupError when it cannot, with everything that was started stopped again.
 */
export async function startApp({ config, log, onStatement, onFatal = () => {} }: AppOptions): Promise<App> {
  const started: (() => Promise<void>)[] = [];
  const hurry = new AbortController();
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= stopAll(started);
    return stopping;
  };
  try {
    const check = config.WORKER ? await loadChecks(config) : undefined;
    const trusted = await trustedDocuments(config);
    const server = new HttpServer({ ...serverOptions(config), path, log });
    await server.listen();
    started.push(() => server.stop(config.STOP_TIMEOUT_MS));

    const embedded = config.DATABASE_URL === undefined ? await startEmbeddedPostgres({ dataDir: config.DATA_DIR, log }) : undefined;
    if (embedded !== undefined) {
      started.push(() => embedded.stop());
      embedded.onExit(({ code, signal }) => {
        if (stopping === undefined) onFatal(`the embedded PostgreSQL ended by itself (${signal ?? `exit code ${code}`})`);
      });
    }
    const databaseUrl = databaseUrlOf(config, embedded);
    await migrate({ databaseUrl, log });

    const tracing = await traces(config, log);
    if (tracing) started.push(() => tracing.stop());
    const metrics = config.METRICS ? new Metrics(serviceVersion, operationKinds) : undefined;
    const store = await openStore({
      ...storeOptions(config, databaseUrl),
      ...(onStatement && { onStatement }),
      telemetry: metrics?.store,
      tracer: tracing,
      migrations: () => pendingMigrations((sql) => store.database.$queryRawUnsafe(sql)),
      log,
    });
    started.push(() => store.stop());
    const traced = { store: tracing?.store(store) ?? store, tracer: tracing?.field };
    const contextOf: ContextOf = (operation) => {
      const actor = operation.identity.caller;
      return { ...operation, ...traced, actor, loaders: store.loaders(actor), log };
    };
    const authenticate = authenticationOf(config, log);
    const tallies = openTallies(config, store.redisPrefix, log);
    if (tallies !== undefined) started.push(() => tallies.stop());
    const documents = new Documents(documentLimits(config));
    const gate = new DocumentGate({ documents, trusted, rates: new RateLimits(ratesOf(config), tallies) });
    const telemetry = metrics?.http ?? noHttpTelemetry;
    const answers = new SharedAnswers();
    const shared = {
      ...{ path, allowedOrigins: config.ALLOWED_ORIGINS, answers, gate, maxCost: config.MAX_OPERATION_COST, log },
      watch: new OperationWatch({ telemetry, tracer: tracing }),
    };
    const pipeline = createPipeline({
      ...shared,
      schema,
      documents,
      contextOf,
      isStranger: (identity) => config.NODE_ENV === 'production' && (identity === undefined || identity === anonymous),
      graphiql: (config.GRAPHIQL ?? config.NODE_ENV !== 'production') && (isAuthenticated(config) ? 'SSE' : 'WS'),
      keepAliveMs: config.KEEPALIVE_MS,
    });
    const worker = check && createBuiltInWorker(store, check, config, log);
    const limits = new Limits(limitsOptions(config), telemetry);
    const admission = new Admission({ ...admissionOptions(config), onRefused: (kind) => metrics?.overload.shed(kind) });
    const sockets = new Sockets({ ...shared, ...socketOptions(config), pipeline, admission, limits, telemetry, authenticate });
    metrics?.watch({
      store,
      http: () => ({ sockets: sockets.size, subscriptions: answers.readers, operations: limits.operations }),
      overload: () => ({ breakers: store.breakers, admission }),
    });
    started.push(async () => {
      const idle = worker?.stop();
      idle?.catch(() => {}); // reported below
      await server.drain(config.DRAIN_MS, hurry.signal);
      // Requests that wait for an assessment end now; all others finish, and may still need the database for that.
      server.refuse();
      store.endWaits();
      await Promise.all([sockets.stop(), server.stop(config.STOP_TIMEOUT_MS), idle]);
      admission.stop();
      await store.stop();
    });
    sockets.start();
    admission.start();
    server.serve({
      ...{ pipeline, sockets, limits, admission, authenticate, allowedOrigins: config.ALLOWED_ORIGINS },
      kindOf: (asked) => kindOfRequest(trusted, asked),
      health: () => store.getHealthStatus(),
      metrics: metrics && { access: metricsAccess(config), contentType: metrics.contentType, render: () => metrics.render() },
    });
    if (worker) {
      worker.start();
      log.info({ workerId: worker.workerId, targets: config.CHECK_TARGETS }, 'this instance works: it runs the built-in checks');
    }
    return { url: `${server.url}${path}`, store, stop, hurry: () => hurry.abort() };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Stops in the reverse order; goes on after an error, and throws the first one in the end. */
async function stopAll(started: (() => Promise<void>)[]): Promise<void> {
  const errors: unknown[] = [];
  for (const stop of started.reverse()) await stop().catch((error: unknown) => errors.push(error));
  if (errors.length > 0) throw errors[0];
}

function databaseUrlOf(config: Config, embedded: EmbeddedPostgres | undefined): string {
  const url = config.DATABASE_URL ?? embedded?.url;
  if (url === undefined) throw new Error('there is neither a DATABASE_URL nor an embedded PostgreSQL');
  return url;
}

function authenticationOf(config: Config, log: Logger): Authenticate {
  const { AUTH_JWT_SECRET: secret, AUTH_JWKS_URL: url } = config;
  const rules = {
    algorithms: algorithmsOf(config),
    issuer: config.AUTH_ISSUER,
    audience: config.AUTH_AUDIENCE,
    toleranceMs: config.AUTH_CLOCK_TOLERANCE_MS,
    log,
  };
  if (secret !== undefined) return letInByToken({ ...rules, keys: { secret } });
  if (url === undefined) return letEverybodyIn;
  const keys = { url, timeoutMs: config.AUTH_JWKS_TIMEOUT_MS, cooldownMs: config.AUTH_JWKS_COOLDOWN_MS };
  return letInByToken({ ...rules, keys });
}

async function traces(config: Config, log: Logger): Promise<Tracing | undefined> {
  if (config.OTEL_EXPORTER_OTLP_ENDPOINT === undefined) return undefined;
  return startTracing({
    endpoint: config.OTEL_EXPORTER_OTLP_ENDPOINT,
    headers: config.OTEL_EXPORTER_OTLP_HEADERS,
    serviceName: config.OTEL_SERVICE_NAME,
    version: serviceVersion,
    ratio: config.OTEL_TRACES_SAMPLER_ARG,
    log,
  });
}

async function trustedDocuments({ TRUSTED_DOCUMENTS: path, TRUSTED_DOCUMENTS_ONLY: only }: Config): Promise<TrustedDocuments> {
  return new TrustedDocuments(path === undefined ? new Map() : await loadTrustedDocuments(path, schema), only);
}

function openTallies(config: Config, prefix: string | undefined, log: Logger): RedisTallies | undefined {
  const { REDIS_URL: url } = config;
  const rates = ratesOf(config);
  if (url === undefined || prefix === undefined || !isLimited(rates)) return undefined;
  const tallies = new RedisTallies({ url, prefix, rates, log });
  tallies.start();
  return tallies;
}

const ratesOf = (config: Config): Rates => ({
  query: config.RATE_LIMIT_QUERIES,
  mutation: config.RATE_LIMIT_MUTATIONS,
  subscription: config.RATE_LIMIT_SUBSCRIPTIONS,
});

const documentLimits = (config: Config) => ({
  tokens: config.MAX_DOCUMENT_TOKENS,
  depth: config.MAX_DOCUMENT_DEPTH,
  aliases: config.MAX_DOCUMENT_ALIASES,
  directives: config.MAX_DOCUMENT_DIRECTIVES,
  rootFields: config.MAX_DOCUMENT_ROOT_FIELDS,
});

const serverOptions = (config: Config) => ({
  host: config.HOST,
  port: config.PORT,
  maxRequestBytes: config.MAX_REQUEST_BYTES,
  slowClientMs: config.SLOW_CLIENT_MS,
  isOwnHost: isAuthenticated(config) || !isLoopback(config.HOST) ? anyHost : loopbackHosts(config.ALLOWED_ORIGINS),
});

const limitsOptions = (config: Config) => ({
  sockets: config.MAX_SOCKETS,
  socketsPerSubject: config.MAX_SOCKETS_PER_SUBJECT,
  operations: config.MAX_OPERATIONS,
  operationsPerSubject: config.MAX_OPERATIONS_PER_SUBJECT,
  operationsPerSocket: config.MAX_OPERATIONS_PER_SOCKET,
  heldBytes: config.MAX_HELD_BYTES,
});

/** Lists may be many and slow: half of the connections to the database are left to all others. */
const admissionOptions = (config: Config) => ({
  places: config.ADMISSION_PLACES,
  patienceMs: config.ADMISSION_PATIENCE_MS,
  lists: Math.max(1, Math.floor(config.DATABASE_POOL_SIZE / 2)),
});

const socketOptions = (config: Config) => ({
  maxMessageBytes: config.MAX_REQUEST_BYTES,
  maxUnsentBytes: config.MAX_UNREAD_BYTES,
  initTimeoutMs: config.SOCKET_INIT_MS,
  proof: { keepAliveMs: config.KEEPALIVE_MS, slowClientMs: config.SLOW_CLIENT_MS },
});

const storeOptions = (config: Config, databaseUrl: string) => ({
  databaseUrl,
  poolSize: config.DATABASE_POOL_SIZE,
  statementTimeoutMs: config.STATEMENT_TIMEOUT_MS,
  redisUrl: config.REDIS_URL,
  redisPrefix: config.REDIS_PREFIX,
  cacheEntries: config.CACHE_ENTRIES,
  reconcileMs: config.RECONCILE_MS,
  feedBuffer: config.FEED_BUFFER,
  maxBodyBytes: config.MAX_BODY_BYTES,
  commandConcurrency: config.COMMAND_CONCURRENCY,
  lockPatienceMs: config.LOCK_PATIENCE_MS,
  retryBaseMs: config.RETRY_BASE_MS,
  retryCapMs: config.RETRY_CAP_MS,
  priorityStepMs: config.PRIORITY_STEP_MS,
  maintenanceMs: config.MAINTENANCE_MS,
  version: serviceVersion,
});
