import { type DestinationStream, type Logger, pino, stdSerializers } from 'pino';
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
    serializers: { err: shown },
    redact: ['*.password', '*.connectionString'],
  };
  return pino(options, destination);
}

/** What a service that was asked says, or that it is away: from where it was asked adds nothing to that. */
const answers = ['UnavailableError', 'ApiError'];

/** An error with its stack; one of those as its message and those of its causes alone. */
function shown(error: unknown): unknown {
  const serialized = stdSerializers.err(error as Error);
  return error instanceof Error && answers.includes(error.name) ? serialized.message : serialized;
}
