import { type App, startApp } from './app.ts';
import { parseConfig, type variables } from './config.ts';
import { createLog } from './log.ts';
import type { Logger } from './store/index.ts';

export { StartupError, type StartupFailure } from './startup-error.ts';
export type { App as Service };

/** The configuration: what docs/operations.md lists as variables of the environment, by the same names and with the same defaults. */
export type ServiceVariables = { readonly [Name in keyof typeof variables.shape]?: string | number | boolean | undefined };

export interface ServiceOptions {
  /** Where it logs. Default: lines on standard output, of LOG_LEVEL and above. */
  log?: Logger;
  /** Called when the service cannot go on, because its embedded PostgreSQL has ended by itself: stop it. Default: nothing but the log. */
  onFatal?: (reason: string) => void;
}

/**
 * Runs the service in this process. Neither the environment nor a file `.env` is read, unless they are given: `startService(process.env)`.
 * Signals are the caller's.
 * @throws StartupError when it cannot start, with everything that was started stopped again
 */
export async function startService(configuration: ServiceVariables = {}, { log, onFatal }: ServiceOptions = {}): Promise<App> {
  const config = parseConfig(asTexts(configuration));
  const used = log ?? createLog(config);
  return startApp({
    config,
    log: used,
    onFatal: (reason) => {
      used.error({}, reason);
      onFatal?.(reason);
    },
  });
}

const asTexts = (configuration: ServiceVariables): Record<string, string> =>
  Object.fromEntries(Object.entries(configuration).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])));
