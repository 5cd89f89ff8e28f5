import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Actor, Assessment, Logger } from '../store/index.ts';
import type { Handlers } from './handler.ts';
import { storeAsClient, type WorkStore } from './store-client.ts';
import type { WorkClient } from './work-client.ts';

interface CommonOptions {
  /** Who does which type. */
  handlers: Handlers;
  /** Which types to claim. Default: those that have a handler. */
  types?: Assessment['type'][];
  /** Most handlers at a time. Default 10. */
  concurrency?: number;
  /**
   * Most assessments that are claimed ahead, so that short ones don't wait for round trips; 0 for none. Default: as `concurrency`, and more, up to
   * 500, for as long as handlers are so short that they wait for claims nevertheless.
   */
  prefetch?: number;
  /** The name by which others see who works on an assessment. Default: host, process and a few random characters. */
  workerId?: string;
  /** How long a claim is held without a sign of life, in milliseconds. Default 30,000. */
  leaseMs?: number;
  /** How long `stop()` lets handlers finish, in milliseconds. Default 10,000. */
  graceMs?: number;
  /** How long one claim waits for work, in milliseconds: 0 to 60,000. Default 20,000. */
  waitMs?: number;
  /** Least time between two reports of progress of one assessment, in milliseconds. Default 200. */
  progressMs?: number;
  /** How long a handler that was told to stop keeps its place, in milliseconds. Default 1,000. */
  abandonMs?: number;
  /** After how long a handler is watched for a cancellation, in milliseconds. Default 250. */
  watchAfterMs?: number;
  /** Largest result, in bytes of JSON; the service has a limit of its own. Default 1 MiB. */
  maxResultBytes?: number;
  log?: Logger;
}

/** How to make a worker: with a client of the service, or with a store in this process and the actor in whose name it works. */
export type WorkerOptions = CommonOptions & ({ client: WorkClient | { readonly work: WorkClient } } | { store: WorkStore; actor: Actor });

/** The options, each with a value. */
export type WorkerSettings = Required<Omit<CommonOptions, 'prefetch'>> & { client: WorkClient; prefetch: number | 'ADAPTIVE' };

const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const longestMs = 86_400_000;

/** The options with the defaults in place. @throws RangeError, TypeError saying which option is wrong and what would be right */
export function readOptions(options: WorkerOptions): WorkerSettings {
  const concurrency = whole('concurrency', options.concurrency ?? 10, 1, 10_000);
  return {
    client: clientOf(options),
    handlers: options.handlers,
    types: readTypes(options),
    concurrency,
    prefetch: options.prefetch === undefined ? 'ADAPTIVE' : whole('prefetch', options.prefetch, 0, 10_000),
    workerId: readWorkerId(options.workerId),
    leaseMs: whole('leaseMs', options.leaseMs ?? 30_000, 100, longestMs),
    graceMs: whole('graceMs', options.graceMs ?? 10_000, 0, longestMs),
    waitMs: whole('waitMs', options.waitMs ?? 20_000, 0, 60_000),
    progressMs: whole('progressMs', options.progressMs ?? 200, 0, longestMs),
    abandonMs: whole('abandonMs', options.abandonMs ?? 1_000, 0, longestMs),
    watchAfterMs: whole('watchAfterMs', options.watchAfterMs ?? 250, 0, longestMs),
    maxResultBytes: whole('maxResultBytes', options.maxResultBytes ?? 1024 * 1024, 2, 256 * 1024 * 1024),
    log: options.log ?? silent,
  };
}

function clientOf(options: WorkerOptions): WorkClient {
  if (!('client' in options)) return storeAsClient(options.store, options.actor);
  return 'work' in options.client ? options.client.work : options.client;
}

function readTypes({ handlers, types }: WorkerOptions): Assessment['type'][] {
  const handled = (Object.keys(handlers) as Assessment['type'][]).filter((type) => handlers[type] !== undefined);
  const missing = (types ?? []).filter((type) => !handled.includes(type));
  if (missing.length > 0) throw new TypeError(`types names ${missing.join(', ')}, for which handlers has no function`);
  const wanted = types ?? handled;
  if (wanted.length === 0) throw new TypeError('handlers must have a function for at least one type, such as { HEALTH: async () => ({}) }');
  return wanted;
}

function readWorkerId(given: string | undefined): string {
  const workerId = given ?? `${hostname().slice(0, 200)}:${process.pid}:${randomUUID().slice(0, 8)}`;
  if (workerId === '' || workerId.length > 255) throw new RangeError('workerId must have 1 to 255 characters');
  return workerId;
}

function whole(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(`${name} must be a whole number from ${least} to ${most}, not ${value}`);
}
