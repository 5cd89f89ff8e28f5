import { type DestinationStream, type Logger, type LoggerOptions, pino, stdSerializers } from 'pino';
import pretty from 'pino-pretty';
import type { Config } from './config.ts';
import { withoutSecrets } from './log-secrets.ts';

/** The log: JSON lines in production, readable ones otherwise; to standard output. */
export function createLog(config: Pick<Config, 'NODE_ENV' | 'LOG_LEVEL'>): Logger {
  // Written at once, line by line: otherwise the last lines before the end of the process may change places or be lost.
  const destination: DestinationStream =
    config.NODE_ENV === 'production'
      ? pino.destination({ dest: 1, sync: true })
      : pretty({ ignore: 'pid,hostname', translateTime: 'HH:MM:ss.l', singleLine: true, sync: true });
  return pino(logOptions(config), destination);
}

/** How the service logs, wherever that goes: one line of JSON for each message, without secrets and without what clients have sent. */
export const logOptions = ({ NODE_ENV, LOG_LEVEL }: Pick<Config, 'NODE_ENV' | 'LOG_LEVEL'>): LoggerOptions => ({
  level: LOG_LEVEL,
  base: NODE_ENV === 'production' ? { service: 'assessment-store' } : null,
  serializers: { err: shown },
  hooks: { streamWrite: withoutSecrets },
});

/** What a service that was asked says, or that it is away: from where it was asked adds nothing to that. */
const answers = ['UnavailableError', 'ApiError'];

/**
 * An error with its stack; one of those as its message and those of its causes alone. What else an error of a library carries is left out: the row that was
 * refused, the command with its values.
 */
function shown(error: unknown): unknown {
  if (!(error instanceof Error)) return stdSerializers.err(error as Error);
  const { type, message, stack } = stdSerializers.err(error);
  if (answers.includes(error.name)) return message;
  const code = (error as { code?: unknown }).code;
  return { type, message, stack, ...(typeof code === 'string' && { code }) };
}
