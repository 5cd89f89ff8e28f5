import { setMaxListeners } from 'node:events';
import type { AssessmentClientOptions } from '../client/options.ts';
import { UnavailableError } from '../store/errors.ts';
import type { Assessments } from '../store/index.ts';
import { durationInWords } from './duration.ts';
import { InterruptedError, TimeUpError, UsageError } from './errors.ts';
import { exitCodeOf, explain } from './failure.ts';
import { defaultUrl, type Globals } from './globals.ts';
import { Output } from './output.ts';

/** What a command works with. */
export interface Session {
  readonly client: Assessments;
  readonly output: Output;
  /** Aborted when the command is to end: by a signal, or because its time is up. */
  readonly signal: AbortSignal;
  /** Calls the service with that signal; says so when the answer takes long. */
  readonly ask: <Answer>(call: (signal: AbortSignal) => Promise<Answer>) => Promise<Answer>;
}

/** What a command does; gives the exit code. */
export type Command = (session: Session) => Promise<number>;

/** How long an answer of the service may take, with all repeats, in milliseconds, unless --timeout says otherwise. */
const usualMs = 30_000;
/** The longest that the client takes for that. */
const mostMs = 86_400_000;
/** After so many milliseconds without an answer it is said what is waited for. */
const silenceMs = 2_000;

/** Runs a command that awaits the end of assessments, or that goes on until it is ended: --timeout is how long it may take in all. */
export const runWaiting = (globals: Globals, command: Command): Promise<void> =>
  run(globals, command, {
    client: {
      // A little less, so that the client can still say why there was no answer.
      timeoutMs: Math.min(Math.ceil((globals.timeout ?? usualMs) * 0.9), mostMs),
      // With an end of its own it goes on trying until then; else only as long as the client finds reasonable, some minutes.
      ...(globals.timeout !== undefined && { connectAttempts: Number.POSITIVE_INFINITY }),
    },
    totalMs: globals.timeout,
  });

/** Runs a command that asks something of the service: --timeout is how long each answer may take. */
export const runAsking = (globals: Globals, command: Command): Promise<void> =>
  run(globals, command, { client: { timeoutMs: Math.min(globals.timeout ?? usualMs, mostMs) } });

type ClientOptions = Omit<AssessmentClientOptions, 'url' | 'token'>;

async function run(
  globals: Globals,
  command: Command,
  { client: options, totalMs }: { client: ClientOptions; totalMs?: number | undefined },
) {
  const output = outputOf(globals);
  const ending = new AbortController();
  const { signal } = ending;
  setMaxListeners(0, signal); // a thousand assessments may be awaited with it
  const stopListening = onSignals((error) => ending.abort(error));
  const timer =
    totalMs === undefined
      ? undefined
      : setTimeout(() => ending.abort(new TimeUpError(`the ${durationInWords(totalMs)} of --timeout are over`)), totalMs);
  try {
    const client = await connect(globals, options);
    try {
      const note = once(() => output.note(`no answer yet from ${addressOf(globals)}: trying again`));
      const ask: Session['ask'] = (call) => noteSilence(call(signal), note).catch(unanswered);
      process.exitCode = await command({ client, output, signal, ask });
    } finally {
      await client.close();
    }
  } catch (error) {
    fail(error, output);
  } finally {
    clearTimeout(timer);
    stopListening();
  }
}

/** Many may wait for the same service: it is said once. */
function once(say: () => void): () => void {
  let said = false;
  return () => {
    if (!said) say();
    said = true;
  };
}

async function noteSilence<Answer>(answer: Promise<Answer>, note: () => void): Promise<Answer> {
  const timer = setTimeout(note, silenceMs);
  return answer.finally(() => clearTimeout(timer));
}

/** The time was up before the service had answered: it is not the assessment that was late. */
function unanswered(error: unknown): never {
  throw error instanceof TimeUpError ? new UnavailableError('TIMEOUT', `the service did not answer: ${error.message}`, silenceMs) : error;
}

/** Says what went wrong, and sets the exit code of the process. */
export function fail(error: unknown, output: Output): void {
  const { text, ...fields } = explain(error);
  output.error(text, fields);
  process.exitCode = exitCodeOf(error);
}

/** Standard output and standard error as these options want them. */
export const outputOf = ({ json, quiet, color, terminal }: Pick<Globals, 'json' | 'quiet' | 'color' | 'terminal'>): Output =>
  new Output({ stdout: process.stdout, stderr: process.stderr, json: json === true, quiet: quiet === true, color, terminal });

/** The first signal is told; a second one ends the process at once. Gives what takes this back. */
function onSignals(tell: (error: InterruptedError) => void): () => void {
  let told = false;
  const listeners = (['SIGINT', 'SIGTERM'] as const).map((signal) => {
    const listener = (): void => {
      const error = new InterruptedError(signal);
      if (told) process.exit(error.exitCode);
      told = true;
      tell(error);
    };
    process.on(signal, listener);
    return () => process.off(signal, listener);
  });
  return () => {
    for (const stop of listeners) stop();
  };
}

/** Where the service is. */
const addressOf = ({ url }: Pick<Globals, 'url'>): string => url || defaultUrl;

/**
 * A client of the service. Loaded here, so that help and wrong arguments need not wait for it.
 * @throws UsageError for an address or a token that is none; it shows neither
 */
export async function connect(globals: Pick<Globals, 'url' | 'token'>, options: ClientOptions = {}) {
  const { createAssessmentClient } = await import('../client/client.ts');
  try {
    return createAssessmentClient({ url: addressOf(globals), ...(globals.token && { token: globals.token }), ...options });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new UsageError(`--url, --token (ASSESSMENT_STORE_URL, ASSESSMENT_STORE_TOKEN): ${error.message}`);
  }
}
