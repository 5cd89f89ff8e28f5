// What authentication, limits and metrics cost a command: the same service with all of them and with none, by turns, on one database.
// See README.md.
import { randomBytes, randomUUID } from 'node:crypto';
import { signDevelopmentToken } from '../src/auth/development-token.ts';
import { createLoadDatabase, findPostgres, type LoadDatabase } from './support/database.ts';
import { printTable, quantile, shown } from './support/figures.ts';
import { type HttpLoad, type HttpLoadResult, loadOverHttp } from './support/http-load.ts';
import { operations, requestOf } from './support/operations.ts';
import { type Service, startService } from './support/service.ts';
import { setting } from './support/settings.ts';

/** So many times the p99 without them is the most that it may be. */
const promised = 1.3;
const connections = setting('CONNECTIONS', 16);
const seconds = setting('SECONDS', 4);
const rounds = setting('ROUNDS', 7);
const warmUp = setting('WARMUP', 5_000);
const scrapeMs = 1_000;

const run = randomUUID().slice(0, 8);
let made = 0;

const secret = randomBytes(32).toString('hex');
const metricsToken = randomBytes(16).toString('hex');

/** One of the two that are compared. */
interface Subject {
  name: string;
  service: Service;
  headers: Record<string, string>;
}

const off = { METRICS: 'false' };
const on = {
  ...{ AUTH_JWT_SECRET: secret, METRICS: 'true', METRICS_TOKEN: metricsToken },
  // High enough to refuse nobody: what is measured is the counting.
  ...{ RATE_LIMIT_QUERIES: '100000000', RATE_LIMIT_MUTATIONS: '100000000', RATE_LIMIT_SUBSCRIPTIONS: '100000000' },
};

const body = (): string =>
  JSON.stringify({ query: operations.create, variables: { input: requestOf(`guards-${run}-${String(++made).padStart(9, '0')}`) } });

const loadOn = ({ service, headers }: Subject, until: HttpLoad['until']): Promise<HttpLoadResult> =>
  loadOverHttp({ url: service.url, connections, until, body, expected: '"created":true', headers });

/** Metrics are read as Prometheus would, or counting them would be all that is measured. */
function scrape({ service }: Subject): () => void {
  const url = new URL('/metrics', service.url);
  const timer = setInterval(() => {
    fetch(url, { headers: { authorization: `Bearer ${metricsToken}` } })
      .then((answer) => answer.text())
      .catch(() => {});
  }, scrapeMs);
  return () => clearInterval(timer);
}

interface Round {
  perSecond: number;
  p50: number;
  p99: number;
  cpuMs: number;
  errors: number;
}

async function measure(subject: Subject): Promise<Round> {
  const before = await subject.service.cpuMs();
  const { answered, errors, perSecond, latenciesMs } = await loadOn(subject, { seconds });
  const cpuMs = ((await subject.service.cpuMs()) - before) / answered;
  return { perSecond, errors, cpuMs, p50: quantile(latenciesMs, 0.5) ?? Number.NaN, p99: quantile(latenciesMs, 0.99) ?? Number.NaN };
}

const median = (values: readonly number[]): number => quantile(values, 0.5) ?? Number.NaN;

/** @throws Error where a creation without a token is not refused: then nothing would be compared */
async function expectGuarded({ service }: Subject): Promise<void> {
  const { status } = await fetch(service.url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: body() });
  if (status !== 401) throw new Error(`a creation without a token was answered with ${status}, not 401`);
}

async function compare(bare: Subject, guarded: Subject): Promise<boolean> {
  await expectGuarded(guarded);
  for (const subject of [bare, guarded]) await loadOn(subject, { requests: warmUp });
  const measured = new Map<Subject, Round[]>([
    [bare, []],
    [guarded, []],
  ]);
  const stop = scrape(guarded);
  for (let round = 0; round < rounds; round++) {
    // Each is the first every other time.
    for (const subject of round % 2 === 0 ? [bare, guarded] : [guarded, bare]) measured.get(subject)?.push(await measure(subject));
  }
  stop();
  const of = (subject: Subject, part: keyof Round): number => median((measured.get(subject) ?? []).map((one) => one[part]));
  printTable([
    ['', 'creations/s', 'p50', 'p99', 'CPU of the service, each', 'errors'],
    ...[bare, guarded].map((subject) => [
      subject.name,
      shown(of(subject, 'perSecond')),
      shown(of(subject, 'p50'), ' ms'),
      shown(of(subject, 'p99'), ' ms'),
      `${of(subject, 'cpuMs').toFixed(3)} ms`,
      String((measured.get(subject) ?? []).reduce((sum, { errors }) => sum + errors, 0)),
    ]),
  ]);
  const ratio = median(ratiosOf(measured.get(bare) ?? [], measured.get(guarded) ?? []));
  console.log(`p99 with all of them is ${ratio.toFixed(2)} times that without (promised: at most ${promised})`);
  const errors = [...measured.values()].flat().reduce((sum, one) => sum + one.errors, 0);
  return errors === 0 && ratio <= promised;
}

/** The ratio of each round: its two halves met the same weather. */
const ratiosOf = (bare: readonly Round[], guarded: readonly Round[]): number[] =>
  bare.map(({ p99 }, index) => (guarded[index]?.p99 ?? Number.NaN) / p99);

async function main(database: LoadDatabase): Promise<boolean> {
  const token = await signDevelopmentToken({
    ...{ secret, algorithm: 'HS256', subject: 'load', tenant: 'default', scope: 'assessments:write', lifeMs: 3_600_000 },
  });
  const bare: Subject = { name: 'with none', service: await startService(database.url, off), headers: {} };
  const service = await startService(database.url, on);
  const guarded: Subject = { name: 'authentication, limits, metrics', service, headers: { authorization: `Bearer ${token}` } };
  try {
    return await compare(bare, guarded);
  } finally {
    await bare.service.stop();
    await guarded.service.stop();
  }
}

const server = await findPostgres();
const database = await createLoadDatabase(server);
try {
  process.exitCode = (await main(database)) ? 0 : 1;
} finally {
  await database.drop();
  await server.stop();
}
