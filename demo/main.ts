import { once } from 'node:events';
import { styleText } from 'node:util';
import { inWords } from '../src/checks/plain-text.ts';
import { readEnvironment } from '../src/config.ts';
import { exitCodes, StartupError } from '../src/startup-error.ts';
import { Api } from './api.ts';
import { readArguments, UsageError } from './arguments.ts';
import { giveUp, submitHealthCheck, type Watched, waitForEnd } from './client.ts';
import { findings } from './findings.ts';
import { ProgressBar } from './progress-bar.ts';
import { printable, shownOutcome, tableOf } from './report.ts';
import { findService } from './service.ts';
import { work } from './worker.ts';

const usageExitCode = 2;

/** A signal ended the demo. */
class InterruptedError extends Error {
  override readonly name = 'InterruptedError';
  readonly exitCode: number;

  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super(`it was interrupted by ${signal}`);
    this.exitCode = { SIGINT: 130, SIGTERM: 143 }[signal];
  }
}

/** Has one health assessment done by the service, as its client and as its worker; `npm run demo [URL]`. Gives the exit code. */
async function main(): Promise<number> {
  const environment = readEnvironment();
  const { target, apiUrl } = readArguments(process.argv.slice(2), environment['API_URL']);
  const ending = new AbortController();
  // Ctrl-C reaches npm and this process, and npm may pass it on: the first counts, and the rest change nothing.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => ending.abort(new InterruptedError(signal)));
  const service = await findService({
    apiUrl,
    environment,
    onStart: () => say(styleText('dim', 'starting the service…')),
    onFatal: (reason) => ending.abort(new Error(reason)),
  });
  const api = new Api(service.url);
  try {
    const url = target ?? new URL('/health/ready', service.url);
    say(`${label('service')}${service.url} ${styleText('dim', `(${service.origin})`)}`);
    say(`${label('target')}${url}`);
    return show(await assess(api, url, ending.signal));
  } finally {
    await api.close();
    await service.stop();
  }
}

const say = (line: string): boolean => process.stdout.write(`  ${line}\n`);
const label = (name: string): string => styleText('dim', name.padEnd(12));

/** Submits the assessment, works on it and waits for it, all at once as if these were three programs. */
async function assess(api: Api, url: URL, signal: AbortSignal): Promise<Watched> {
  signal.throwIfAborted();
  const assessmentId = await submitHealthCheck(api, url);
  say(`${label('assessment')}${assessmentId}\n`);
  const bar = new ProgressBar(process.stdout);
  const waiting = waitForEnd(api, assessmentId, (now) => bar.show(now.progress, printable(said(now))));
  try {
    const [end] = await Promise.race([Promise.all([waiting, work(api, assessmentId, signal)]), whenAborted(signal)]);
    return end;
  } catch (error) {
    await giveUp(api, assessmentId).catch(() => {});
    signal.throwIfAborted();
    throw error;
  } finally {
    bar.end();
  }
}

const said = ({ terminal, message, state }: Watched): string => (terminal ? null : message) ?? state.toLowerCase();

async function whenAborted(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort');
  throw signal.reason;
}

/** Prints how it ended. Gives the exit code. */
function show({ state, errorMessage, resultData, durationMs }: Watched): number {
  if (state !== 'COMPLETED') {
    process.stdout.write(`\n  ${styleText('red', `✘ ${state}`)}${errorMessage === null ? '' : `: ${printable(errorMessage)}`}\n\n`);
    return exitCodes.UNEXPECTED;
  }
  const found = findings.parse(resultData);
  const heading = `${styleText('green', `✔ ${state}`)} in ${inWords(durationMs ?? 0)}; verdict: ${shownOutcome(found.verdict)}`;
  process.stdout.write(`\n  ${heading}\n\n${tableOf(found.findings, process.stdout.columns || 100)}\n\n`);
  return 0;
}

/** Says why the demo could not do it. Gives the exit code. */
function explain(error: unknown): number {
  if (error instanceof UsageError) {
    console.error(`${error.message}\nusage: npm run demo [URL]`);
    return usageExitCode;
  }
  console.error(`\nThe demo could not go on: ${error instanceof Error ? error.message : error}`);
  if (error instanceof StartupError || error instanceof InterruptedError) return error.exitCode;
  return exitCodes.UNEXPECTED;
}

process.exitCode = await main().catch(explain);
