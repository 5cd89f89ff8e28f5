import { startApp } from './app.ts';
import { type Config, isAuthenticated, parseConfig, readEnvironment } from './config.ts';
import { createLog } from './log.ts';
import { exitCodes, StartupError } from './startup-error.ts';

/** Signals that come within so many milliseconds were sent by the same keystroke. */
const sameSignalMs = 300;

/** Runs the service until a signal ends it, and then the process; also when it cannot start, with the exit code that says why. */
export async function runService(): Promise<void> {
  await serve().catch((error: unknown) => {
    if (error instanceof StartupError) console.error(`AssessmentStore cannot start: ${error.message}`);
    else console.error('AssessmentStore cannot start:', error);
    process.exit(error instanceof StartupError ? error.exitCode : exitCodes.UNEXPECTED);
  });
}

async function serve(): Promise<void> {
  const config = parseConfig(readEnvironment());
  const log = createLog(config);
  let failed = false;
  let stop = async (): Promise<void> => {};
  let hurry = (): void => {};
  const end = (reason: string): void => {
    log.info({}, `${reason}: stopping`);
    stop().then(
      () => {
        log.info({}, 'stopped');
        process.exit(failed ? exitCodes.UNEXPECTED : 0);
      },
      (error: unknown) => {
        log.error({ err: error }, 'stopped with an error');
        process.exit(exitCodes.UNEXPECTED);
      },
    );
  };
  const fail = (reason: string, error?: unknown): void => {
    log.fatal({ err: error }, reason);
    if (failed) return;
    failed = true;
    hurry();
    end('it cannot go on');
  };
  let firstSignalAt: number | undefined;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (firstSignalAt === undefined) end(signal);
      // Ctrl-C reaches npm and this process, and npm may pass it on: only a later one is meant as impatience.
      else if (performance.now() - firstSignalAt > sameSignalMs) hurry();
      firstSignalAt ??= performance.now();
    });
  }
  process.on('uncaughtException', (error) => fail('an error was not caught', error));

  const starting = startApp({ config, log, onFatal: fail });
  stop = async () => (await starting).stop();
  hurry = () => void starting.then((app) => app.hurry()).catch(() => {}); // that it could not start is told below
  const app = await starting;
  if (!isAuthenticated(config)) log.warn({}, `there is no authentication: ${whoIsServed(config)}`);
  log.info({}, `AssessmentStore is ready: the GraphQL API is at ${app.url}`);
}

const whoIsServed = ({ ALLOW_UNAUTHENTICATED, HOST }: Config): string =>
  ALLOW_UNAUTHENTICATED ? `whoever reaches ${HOST} may do everything` : 'serving this machine only';
