// Five times as many creations a second as the service can serve, with workers' reports and lists beside them, and what becomes of each. Needs k6.
// See README.md.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLoadDatabase, findPostgres } from './support/database.ts';
import { printTable, quantile, shown } from './support/figures.ts';
import { type Service, startService } from './support/service.ts';
import { setting } from './support/settings.ts';

const seconds = setting('SECONDS', 20);
const times = setting('TIMES', 5);
const script = join(import.meta.dirname, 'k6', 'overload.js');
const mebibyte = 1024 * 1024;

interface Times {
  count: number;
  med?: number;
  p99?: number;
  max?: number;
}
interface Phase {
  admitted: Times;
  refused: Times;
  failed: number;
}
interface Summary {
  phases: Record<'capacity' | 'flood' | 'work' | 'lists' | 'after', Phase>;
  /** Requests that k6 could not send in time. */
  dropped: number;
}

async function runK6(folder: string, environment: Record<string, string>): Promise<Summary> {
  const summary = join(folder, 'summary.json');
  const env = { ...process.env, ...environment, SECONDS: String(seconds), TIMES: String(times), SUMMARY: summary };
  const k6 = spawn('k6', ['run', '--quiet', '--no-usage-report', script], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = await once(k6, 'exit');
  if (code !== 0) throw new Error(`k6 ended with ${code}`);
  return JSON.parse(await readFile(summary, 'utf8')) as Summary;
}

/** The highest whole memory of the service that is seen until the work has ended, in bytes. */
async function highestMemory<Result>(service: Service, work: Promise<Result>): Promise<{ result: Result; highest: number }> {
  let highest = 0;
  let hasEnded = false;
  const ended = work.finally(() => {
    hasEnded = true;
  });
  while (!hasEnded) {
    highest = Math.max(highest, await service.rss());
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 500))]);
  }
  return { result: await ended, highest };
}

function report({ phases, dropped }: Summary, capacity: number): boolean {
  const row = (name: string, { admitted, refused, failed }: Phase): string[] => [
    name,
    ...[admitted, refused].flatMap(({ count, med, p99, max }) => [shown(count), ...[med, p99, max].map((time) => shown(time, ' ms'))]),
    String(failed),
  ];
  const head = (what: string): string[] => [what, 'p50', 'p99', 'max'];
  const { flood, work, lists, after } = phases;
  printTable([
    ['', ...head('admitted'), ...head('refused'), 'failed'],
    row('creations', flood),
    row("workers' reports", work),
    row('lists', lists),
    row('creations, after', after),
  ]);
  const sent = flood.admitted.count + flood.refused.count + flood.failed;
  console.log(
    `${shown(sent / seconds)} batches of creations a second were sent, ${shown(sent / seconds / capacity)} times the ${shown(capacity)} that it serves; of them ${shown(flood.admitted.count / seconds)} a second were done. k6 could not send ${shown(dropped)} in time.`,
  );
  const everyone = [flood, work, lists, after];
  return everyone.every(({ failed }) => failed === 0) && after.refused.count === 0 && after.admitted.count > 0;
}

/** While the service refuses some, as it sees it itself: k6 may be short of processor time. */
function reportAnswers({ 200: admitted = [], 503: refused = [] }: Awaited<ReturnType<Service['answerTimes']>>): boolean {
  const begins = refused.map(([begun]) => begun);
  const isDuring = ([begun]: [number, number]): boolean => begun >= (begins[0] ?? 0) && begun <= (begins.at(-1) ?? 0);
  const timesOf = (answers: [number, number][]): number[] => answers.filter(isDuring).map(([, took]) => took);
  const row = (name: string, times: number[]): string[] => [
    name,
    shown(times.length),
    ...[0.5, 0.9, 0.99, 1].map((p) => shown(quantile(times, p), ' ms')),
  ];
  printTable([
    ['by the service', 'answers', 'p50', 'p90', 'p99', 'max'],
    row('admitted', timesOf(admitted)),
    row('refused', timesOf(refused)),
  ]);
  return (quantile(timesOf(admitted), 0.99) ?? Number.POSITIVE_INFINITY) < 1_000;
}

async function main(): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'assessment-store-overload-'));
  const server = await findPostgres();
  const database = await createLoadDatabase(server);
  try {
    const service = await startService(database.url);
    try {
      const { phases } = await runK6(folder, { API_URL: service.url, RATE: '' });
      const capacity = phases.capacity.admitted.count / 8;
      const before = await service.rss();
      await service.answerTimes();
      const { result, highest } = await highestMemory(service, runK6(folder, { API_URL: service.url, RATE: String(Math.round(capacity)) }));
      const told = report(result, capacity);
      const holds = reportAnswers(await service.answerTimes()) && told;
      const { rss } = await service.memory();
      console.log(
        `memory of the service: ${shown(before / mebibyte)} MiB before, at most ${shown(highest / mebibyte)}, ${shown(rss / mebibyte)} after`,
      );
      console.log(`admitted within a second (p99), the rest refused, as before 3 s after its end: ${holds ? 'yes' : 'NO'}`);
      return holds;
    } finally {
      await service.stop();
    }
  } finally {
    await database.drop();
    await server.stop();
    await rm(folder, { recursive: true });
  }
}

process.exitCode = (await main()) ? 0 : 1;
