// What a coalesced createAssessment costs beside the least that a GraphQL request can cost: `{ __typename }` and createAssessment by turns,
// over HTTP, on the real service and a database of its own. See README.md.
import { randomUUID } from 'node:crypto';
import { createLoadDatabase, findPostgres, type LoadDatabase } from './support/database.ts';
import { printTable, quantile, shown } from './support/figures.ts';
import { type HttpLoad, type HttpLoadResult, loadOverHttp } from './support/http-load.ts';
import { operations, requestOf, smallRequestOf } from './support/operations.ts';
import { type Service, startService } from './support/service.ts';
import { setting } from './support/settings.ts';

const promised = 0.75;
const connections = setting('CONNECTIONS', 64);
const seconds = setting('SECONDS', 3);
const rounds = setting('ROUNDS', 5);
// Counted, not timed: until about so many the compiler is still at work, which takes longer on a busy machine.
const warmUp = setting('WARMUP', 10_000);
const small = process.env['REQUEST'] === 'small';

const run = randomUUID().slice(0, 8);
let made = 0;

const subjects = {
  '{ __typename }': { body: JSON.stringify({ query: operations.typename }), expected: '"__typename":"Query"' },
  createAssessment: { body: nextCreation(), expected: '"created":true' },
} as const;
type Subject = keyof typeof subjects;
const names = Object.keys(subjects) as Subject[];

/** Makes creations with an id of their own each; only the id is put in, or the generator would measure itself. */
function nextCreation(): () => string {
  const placeholder = '@id@';
  const template = JSON.stringify({
    query: operations.create,
    variables: { input: small ? smallRequestOf(placeholder) : requestOf(placeholder) },
  });
  const [before, after] = template.split(placeholder);
  return () => `${before}${run}-${String(++made).padStart(12, '0')}${after}`;
}

interface Measured extends HttpLoadResult {
  subject: Subject;
  /** Processor time of the service, in milliseconds for each answer. */
  cpuMs: number;
}

async function measure(service: Service, subject: Subject, until: HttpLoad['until']): Promise<Measured> {
  const before = await service.cpuMs();
  const result = await loadOverHttp({ url: service.url, connections, until, ...subjects[subject] });
  return { subject, ...result, cpuMs: ((await service.cpuMs()) - before) / result.answered };
}

/** By turns, so that whatever else the machine does meets both alike. */
async function measureByTurns(service: Service): Promise<Measured[]> {
  const all: Measured[] = [];
  for (const subject of names) all.push(await measure(service, subject, { requests: warmUp }));
  const [typename, create] = ['{ __typename }', 'createAssessment'] as const;
  for (let round = 1; round <= rounds; round++) {
    const least = await measure(service, typename, { seconds });
    const own = await measure(service, create, { seconds });
    all.push(least, own);
    console.log(
      `round ${round}: ${shown(least.perSecond)} and ${shown(own.perSecond)} a second, ${percent(own.perSecond / least.perSecond)}`,
    );
  }
  return all;
}

const percent = (part: number): string => `${(part * 100).toFixed(1)} %`;
const median = (values: readonly number[]): number => quantile(values, 0.5) ?? Number.NaN;

/** Prints the figures; gives the part of the rate of `{ __typename }` that createAssessment reaches. */
function report(measured: readonly Measured[]): number {
  const row = (subject: Subject): string[] => {
    const own = measured.filter((one) => one.subject === subject);
    const latencies = own.flatMap(({ latenciesMs }) => latenciesMs);
    return [
      subject,
      shown(median(own.map(({ perSecond }) => perSecond))),
      ...[0.5, 0.99].map((p) => shown(quantile(latencies, p), ' ms')),
      String(own.reduce((sum, { errors }) => sum + errors, 0)),
      `${median(own.map(({ cpuMs }) => cpuMs)).toFixed(3)} ms`,
    ];
  };
  printTable([['', 'requests/s', 'p50', 'p99', 'errors', 'CPU of the service, each'], ...names.map(row)]);
  const rate = (subject: Subject): number => median(measured.filter((one) => one.subject === subject).map(({ perSecond }) => perSecond));
  return rate('createAssessment') / rate('{ __typename }');
}

/** Compares what was acknowledged with what is there; those under way at the end of a measurement may be there too. */
async function checkRows(database: LoadDatabase, measured: readonly Measured[]): Promise<boolean> {
  const creations = measured.filter(({ subject }) => subject === 'createAssessment');
  const acknowledged = creations.reduce((sum, { answered }) => sum + answered, 0);
  const [count] = await database.query<{ rows: number; audited: number }>(
    `select (select count(*)::int from assessment_states where assessment_id like $1) as rows,
            (select count(*)::int from assessment_state_audit where assessment_id like $1 and version_to = 1) as audited`,
    [`${run}-%`],
  );
  const { rows = 0, audited = 0 } = count ?? {};
  console.log(
    `${shown(acknowledged)} creations acknowledged; the database has ${shown(rows)} of this run, with ${shown(audited)} audit entries`,
  );
  return rows >= acknowledged && rows <= acknowledged + creations.length * connections && audited === rows;
}

async function main(): Promise<boolean> {
  const server = await findPostgres();
  const database = await createLoadDatabase(server);
  try {
    const service = await startService(database.url);
    try {
      console.log(
        `${connections} connections, ${rounds} rounds of ${seconds} s each, ${small ? 'a small request' : 'a request of 1 KiB'}, Node ${process.versions.node}, ${server.name}`,
      );
      const measured = await measureByTurns(service);
      const ratio = report(measured.slice(names.length));
      const complete = await checkRows(database, measured);
      const errors = measured.reduce((sum, one) => sum + one.errors, 0);
      console.log(
        `createAssessment reaches ${percent(ratio)} of { __typename } (promised: at least ${percent(promised)}), with ${errors} errors`,
      );
      return ratio >= promised && errors === 0 && complete;
    } finally {
      await service.stop();
    }
  } finally {
    await database.drop();
    await server.stop();
  }
}

process.exitCode = (await main()) ? 0 : 1;
