import { existsSync } from 'node:fs';
import { unescape as decoded } from 'node:querystring';
import { z } from 'zod';
import { defaultAlgorithms, keyAlgorithms, secretAlgorithms } from './auth/algorithms.ts';
import { defaultTargets } from './checks/target-policy.ts';
import { StartupError } from './startup-error.ts';

const whole = (least: number, most: number) => {
  const error = `must be a whole number from ${least} to ${most}`;
  return z
    .string()
    .regex(/^\d{1,12}$/, { error })
    .transform(Number)
    .pipe(z.number().min(least, { error }).max(most, { error }));
};
const flag = z.enum(['true', 'false'], { error: 'must be true or false' }).transform((value) => value === 'true');
const address = (...protocols: string[]) =>
  z.string().refine((value) => URL.canParse(value) && protocols.includes(new URL(value).protocol), {
    error: `must be a URL that begins with ${protocols.map((p) => `${p}//`).join(' or ')}`,
  });
const list = z.string().transform((value) => value.split(',').map((item) => item.trim()));
const second = 1_000;
/** A header as OpenTelemetry has it in variables: its value is encoded as in an address. */
const headerOf = (pair: string): [string, string] => {
  const [name = '', ...value] = pair.split('=');
  return [name.trim(), decoded(value.join('=').trim())];
};

/** Every variable that the service reads; `.env.example` explains each, and a test holds the two together. */
export const variables = z.object({
  NODE_ENV: z.enum(['development', 'production', 'test'], { error: 'must be development, production or test' }).default('development'),
  HOST: z.string().default('127.0.0.1'),
  PORT: whole(0, 65_535).default(4_000),
  DATABASE_URL: address('postgresql:', 'postgres:').optional(),
  DATA_DIR: z.string().default('.data/postgres'),
  DATABASE_POOL_SIZE: whole(2, 1_000).default(10),
  STATEMENT_TIMEOUT_MS: whole(100, 600 * second).default(15 * second),
  REDIS_URL: address('redis:', 'rediss:').optional(),
  REDIS_PREFIX: z
    .string()
    .regex(/^[\w:.-]{1,100}$/, { error: 'must be 1 to 100 letters, digits, and any of _ : . -' })
    .optional(),
  RECONCILE_MS: whole(100, 60 * second).default(5 * second),
  CACHE_ENTRIES: whole(0, 1_000_000).default(10_000),
  COMMAND_CONCURRENCY: whole(1, 100).default(2),
  LOCK_PATIENCE_MS: whole(0, 60 * second).default(10 * second),
  RETRY_BASE_MS: whole(1, 3_600 * second).default(second),
  RETRY_CAP_MS: whole(1, 86_400 * second).default(300 * second),
  PRIORITY_STEP_MS: whole(0, 86_400 * second).default(300 * second),
  MAINTENANCE_MS: whole(50, 60 * second).default(second),
  WORKER: flag.default(false),
  WORKER_TENANTS: z
    .string()
    .transform((value) => [...new Set(value.split(',').map((tenant) => tenant.trim()))])
    .refine((tenants) => tenants.every((tenant) => tenant !== '' && tenant.length <= 255), {
      error: 'must be names of tenants of at most 255 characters, separated by commas',
    })
    .default(['default']),
  WORKER_CONCURRENCY: whole(1, 500).default(10),
  WORKER_LEASE_MS: whole(1_000, 3_600 * second).default(30 * second),
  CHECK_TARGETS: z.string().default(defaultTargets),
  CHECK_RULES: z.string().optional(),
  MAX_BODY_BYTES: whole(1_024, 16 * 1024 * 1024).default(1024 * 1024),
  MAX_REQUEST_BYTES: whole(16_384, 256 * 1024 * 1024).default(16 * 1024 * 1024),
  MAX_SOCKETS: whole(1, 1_000_000).default(20_000),
  MAX_SOCKETS_PER_SUBJECT: whole(1, 1_000_000).default(20_000),
  MAX_OPERATIONS: whole(1, 10_000_000).default(100_000),
  MAX_OPERATIONS_PER_SUBJECT: whole(1, 10_000_000).default(100_000),
  MAX_OPERATIONS_PER_SOCKET: whole(1, 1_000_000).default(5_000),
  MAX_HELD_BYTES: whole(32_768, 64 * 1024 * 1024 * 1024).default(512 * 1024 * 1024),
  MAX_DOCUMENT_TOKENS: whole(100, 1_000_000).default(20_000),
  MAX_DOCUMENT_DEPTH: whole(1, 200).default(20),
  MAX_DOCUMENT_ALIASES: whole(0, 100_000).default(200),
  MAX_DOCUMENT_DIRECTIVES: whole(0, 100_000).default(100),
  MAX_DOCUMENT_ROOT_FIELDS: whole(1, 100_000).default(100),
  MAX_OPERATION_COST: whole(1, 1_000_000_000).default(50_000),
  RATE_LIMIT_QUERIES: whole(0, 100_000_000).default(0),
  RATE_LIMIT_MUTATIONS: whole(0, 100_000_000).default(0),
  RATE_LIMIT_SUBSCRIPTIONS: whole(0, 100_000_000).default(0),
  TRUSTED_DOCUMENTS: z.string().optional(),
  TRUSTED_DOCUMENTS_ONLY: flag.default(false),
  MAX_UNREAD_BYTES: whole(65_536, 1024 * 1024 * 1024).default(64 * 1024 * 1024),
  ADMISSION_PLACES: whole(1, 10_000).default(32),
  ADMISSION_PATIENCE_MS: whole(10, 60 * second).default(500),
  SOCKET_INIT_MS: whole(100, 600 * second).default(10 * second),
  KEEPALIVE_MS: whole(100, 600 * second).default(12 * second),
  FEED_BUFFER: whole(1, 1_000_000).default(10_000),
  SLOW_CLIENT_MS: whole(100, 3_600 * second).default(30 * second),
  ALLOWED_ORIGINS: list
    .refine((origins) => origins.every((origin) => URL.canParse(origin) && new URL(origin).origin === origin), {
      error: 'must be origins such as https://dashboard.example.com, separated by commas',
    })
    .default([]),
  AUTH_JWT_SECRET: z
    .string()
    .refine((value) => Buffer.byteLength(value) >= 32, { error: 'must be at least 32 bytes long' })
    .optional(),
  AUTH_JWKS_URL: address('https:', 'http:').optional(),
  AUTH_ISSUER: z.string().optional(),
  AUTH_AUDIENCE: z.string().optional(),
  AUTH_ALGORITHMS: list.optional(),
  AUTH_CLOCK_TOLERANCE_MS: whole(0, 300 * second).default(5 * second),
  AUTH_JWKS_TIMEOUT_MS: whole(100, 60 * second).default(3 * second),
  AUTH_JWKS_COOLDOWN_MS: whole(0, 3_600 * second).default(10 * second),
  ALLOW_UNAUTHENTICATED: flag.default(false),
  GRAPHIQL: flag.optional(),
  METRICS: flag.default(true),
  METRICS_TOKEN: z
    .string()
    .regex(/^[\w.~+/=-]{16,512}$/, { error: 'must be 16 to 512 letters, digits, and any of - . _ ~ + / =' })
    .optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: address('http:', 'https:').optional(),
  OTEL_EXPORTER_OTLP_HEADERS: z
    .string()
    .transform((value) => Object.fromEntries(value.split(',').map(headerOf)))
    .refine((headers) => Object.keys(headers).every((name) => /^[\w-]+$/.test(name)), { error: 'must be name=value, separated by commas' })
    .optional(),
  OTEL_SERVICE_NAME: z.string().default('assessment-store'),
  OTEL_TRACES_SAMPLER_ARG: z
    .string()
    .regex(/^(0(\.\d{1,9})?|1(\.0{1,9})?)$/, { error: 'must be a number from 0 to 1' })
    .transform(Number)
    .default(1),
  LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
      error: 'must be fatal, error, warn, info, debug, trace or silent',
    })
    .default('info'),
  DRAIN_MS: whole(0, 600 * second).default(5 * second),
  STOP_TIMEOUT_MS: whole(100, 600 * second).default(10 * second),
});

/** The configuration of one instance, checked. */
export type Config = z.output<typeof variables>;

/** Whether whoever comes has to bring a token. */
export const isAuthenticated = ({ AUTH_JWT_SECRET, AUTH_JWKS_URL }: Pick<Config, 'AUTH_JWT_SECRET' | 'AUTH_JWKS_URL'>): boolean =>
  AUTH_JWT_SECRET !== undefined || AUTH_JWKS_URL !== undefined;

/** The signatures that are accepted. */
export const algorithmsOf = ({
  AUTH_ALGORITHMS,
  AUTH_JWT_SECRET,
}: Pick<Config, 'AUTH_ALGORITHMS' | 'AUTH_JWT_SECRET'>): readonly string[] =>
  AUTH_ALGORITHMS ?? (AUTH_JWT_SECRET === undefined ? defaultAlgorithms.keys : defaultAlgorithms.secret);

/** The variables of the environment that begins with those of a file `.env` in the working folder, where there is one. */
export function readEnvironment(): NodeJS.ProcessEnv {
  if (existsSync('.env')) process.loadEnvFile('.env');
  return process.env;
}

/**
 * The configuration that an environment describes. An empty variable counts as absent.
 * @throws StartupError (CONFIG_INVALID) that names every bad variable at once.
 */
export function parseConfig(environment: NodeJS.ProcessEnv): Config {
  const config = parsed(variables, environment);
  const problems = contradictions(config);
  if (problems.length > 0) throw invalid(problems);
  return config;
}

/** Of the configuration only what the database tools need, so that they run where the service itself would not start. */
export function parseDatabaseConfig(environment: NodeJS.ProcessEnv): Pick<Config, 'DATABASE_URL' | 'DATA_DIR'> {
  return parsed(variables.pick({ DATABASE_URL: true, DATA_DIR: true }), environment);
}

const workerVariables = variables.pick({
  ...{ NODE_ENV: true, LOG_LEVEL: true, WORKER_CONCURRENCY: true, WORKER_LEASE_MS: true },
  ...{ CHECK_TARGETS: true, CHECK_RULES: true, STOP_TIMEOUT_MS: true, MAX_BODY_BYTES: true },
});

/** Of the configuration only what a worker with the built-in checks needs. */
export type WorkerConfig = z.output<typeof workerVariables>;

/** The configuration of a worker in a process of its own. @throws as parseConfig */
export const parseWorkerConfig = (environment: NodeJS.ProcessEnv): WorkerConfig => parsed(workerVariables, environment);

const tokenVariables = variables.pick({
  ...{ NODE_ENV: true, AUTH_JWT_SECRET: true, AUTH_JWKS_URL: true, AUTH_ISSUER: true, AUTH_AUDIENCE: true, AUTH_ALGORITHMS: true },
});

/** Of the configuration only what making a token for development needs. @throws as parseConfig */
export const parseTokenConfig = (environment: NodeJS.ProcessEnv): z.output<typeof tokenVariables> => {
  const config = parsed(tokenVariables, environment);
  const problems = contradictoryKeys(config);
  if (problems.length > 0) throw invalid(problems);
  return config;
};

function parsed<Schema extends z.ZodObject>(schema: Schema, environment: NodeJS.ProcessEnv): z.output<Schema> {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined && value.trim() !== ''));
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  throw invalid(result.error.issues.map(({ path, message }) => `${path.join('.')} ${message}${shown(String(path[0]), given)}`));
}

const invalid = (problems: string[]): StartupError =>
  new StartupError(
    'CONFIG_INVALID',
    `The configuration is not valid:\n${problems.map((problem) => `  - ${problem}`).join('\n')}\nSee .env.example for what each variable means.`,
  );

const isSecret = /TOKEN|SECRET|PASSWORD|HEADERS/;
const shown = (name: string, { [name]: value }: Record<string, string | undefined>): string =>
  value === undefined || value.includes('@') || isSecret.test(name) ? '' : `, not "${value}"`;
/** Whether only this machine can reach an address. */
export const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);

/**
 * Who may read the metrics: with a token who has it. Without one everybody, where strangers are kept out by the network or the service serves this machine alone;
 * else nobody.
 */
export function metricsAccess({
  METRICS_TOKEN: token,
  ALLOW_UNAUTHENTICATED,
  NODE_ENV,
  HOST,
}: Config): 'everybody' | { token: string } | 'nobody' {
  if (token !== undefined) return { token };
  return ALLOW_UNAUTHENTICATED || (NODE_ENV !== 'production' && isLoopback(HOST)) ? 'everybody' : 'nobody';
}

function contradictions(config: Config): string[] {
  const problems = [...openings(config), ...contradictoryKeys(config)];
  if (config.MAX_HELD_BYTES < 2 * config.MAX_REQUEST_BYTES) problems.push('MAX_HELD_BYTES must be at least twice MAX_REQUEST_BYTES');
  if (config.TRUSTED_DOCUMENTS_ONLY && config.TRUSTED_DOCUMENTS === undefined)
    problems.push('TRUSTED_DOCUMENTS_ONLY needs TRUSTED_DOCUMENTS: otherwise no document would be taken');
  if (config.RETRY_CAP_MS < config.RETRY_BASE_MS) problems.push('RETRY_CAP_MS must not be less than RETRY_BASE_MS');
  return problems;
}

/** How strangers could get in. */
function openings(config: Config): string[] {
  if (isAuthenticated(config)) return [];
  const open = 'there is no authentication (AUTH_JWT_SECRET or AUTH_JWKS_URL): anyone who can reach it may do everything';
  if (config.NODE_ENV === 'production') return [`NODE_ENV is production, and ${open}`];
  if (config.ALLOW_UNAUTHENTICATED || isLoopback(config.HOST)) return [];
  return [
    `HOST is ${config.HOST}, not a loopback address, and ${open}. Set ALLOW_UNAUTHENTICATED=true only where the network itself keeps strangers out`,
  ];
}

type KeyConfig = Pick<Config, 'NODE_ENV' | 'AUTH_JWT_SECRET' | 'AUTH_JWKS_URL' | 'AUTH_ISSUER' | 'AUTH_AUDIENCE' | 'AUTH_ALGORITHMS'>;

function contradictoryKeys(config: KeyConfig): string[] {
  const { AUTH_JWT_SECRET: secret, AUTH_JWKS_URL: url } = config;
  if (secret !== undefined && url !== undefined) return ['AUTH_JWT_SECRET and AUTH_JWKS_URL must not both be set'];
  if (secret !== undefined) return problemsOfSecret(secret, algorithmsOf(config));
  return url === undefined ? [] : problemsOfKeys(url, config);
}

function problemsOfSecret(secret: string, algorithms: readonly string[]): string[] {
  const names = Object.keys(secretAlgorithms);
  if (!algorithms.every((name) => names.includes(name))) return [`AUTH_ALGORITHMS must be of ${names.join(', ')} with AUTH_JWT_SECRET`];
  const least = Math.max(...algorithms.map((name) => secretAlgorithms[name] ?? 0));
  return Buffer.byteLength(secret) < least ? [`AUTH_JWT_SECRET must be at least ${least} bytes long for ${algorithms.join(', ')}`] : [];
}

function problemsOfKeys(url: string, config: KeyConfig): string[] {
  const problems: string[] = [];
  if (!algorithmsOf(config).every((name) => keyAlgorithms.includes(name)))
    problems.push(`AUTH_ALGORITHMS must be of ${keyAlgorithms.join(', ')} with AUTH_JWKS_URL`);
  // An issuer signs tokens for others with the same keys.
  for (const name of ['AUTH_ISSUER', 'AUTH_AUDIENCE'] as const)
    if (config[name] === undefined) problems.push(`${name} must be set with AUTH_JWKS_URL`);
  const { protocol, hostname } = new URL(url);
  if (config.NODE_ENV === 'production' && protocol === 'http:' && !isLoopback(hostname.replace(/^\[|\]$/g, '')))
    problems.push('AUTH_JWKS_URL must begin with https:// in production: whoever can change the keys on their way can make tokens');
  return problems;
}
