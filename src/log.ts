import { type DestinationStream, type Logger, pino } from 'pino';
import pretty from 'pino-pretty';
import type { Config } from './config.ts';

/** The log: JSON lines in production, readable ones otherwise; to standard output. */
export function createLog({ NODE_ENV, LOG_LEVEL }: Pick<Config, 'NODE_ENV' | 'LOG_LEVEL'>): Logger {
  // Written at once, line by line: otherwise the last lines before the end of the process may change places or be lost.
  const destination: DestinationStream =
    NODE_ENV === 'production'
      ? pino.destination({ dest: 1, sync: true })
      : pretty({ ignore: 'pid,hostname', translateTime: 'HH:MM:ss.l', singleLine: true, sync: true });
  const options = {
    level: LOG_LEVEL,
    base: NODE_ENV === 'production' ? { service: 'assessment-store' } : null,
    redact: ['*.password', '*.connectionString'],
  };
  return pino(options, destination);
}
