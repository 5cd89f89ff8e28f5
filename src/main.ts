import { startApp } from './app.ts';
import { parseConfig, readEnvironment } from './config.ts';
import { createLog } from './log.ts';
import { exitCodes, StartupError } from './startup-error.ts';

/** Runs the service until a signal ends it; `npm start`. */
async function main(): Promise<void> {
  const config = parseConfig(readEnvironment());
  const log = createLog(config);
  let failed = false;
  let stop = async (): Promise<void> => {};
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
    end('it cannot go on');
  };
  let signals = 0;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // Ctrl-C reaches npm and this process, and npm may pass it on: only a later one is meant as impatience.
      if (signals++ === 0) end(signal);
    });
  }
  process.on('uncaughtException', (error) => fail('an error was not caught', error));

  const starting = startApp({ config, log, onFatal: fail });
  stop = async () => (await starting).stop();
  const { url } = await starting;
  if (!config.ALLOW_UNAUTHENTICATED) log.info({}, 'there is no authentication: serving this machine only');
  log.info({}, `AssessmentStore is ready: the GraphQL API is at ${url}`);
}

main().catch((error: unknown) => {
  if (error instanceof StartupError) console.error(`AssessmentStore cannot start: ${error.message}`);
  else console.error('AssessmentStore cannot start:', error);
  process.exit(error instanceof StartupError ? error.exitCode : exitCodes.UNEXPECTED);
});
