import { GraphQLError } from 'graphql';
import type { Actor } from '../store/index.ts';
import { type HttpTelemetry, noHttpTelemetry } from './telemetry.ts';

/** The most that may be open at a time. A subject is whoever a connection acts for: a tenant and, in it, a name. */
export interface LimitsOptions {
  sockets: number;
  socketsPerSubject: number;
  /** Operations of sockets that have not ended, and requests over HTTP that are not answered yet. */
  operations: number;
  operationsPerSubject: number;
  operationsPerSocket: number;
  /** What all of these may hold together, in bytes as they were sent; one subject half of it. */
  heldBytes: number;
}

/** Gives back what was taken; only the first call counts. */
export type Release = () => void;

/** Something was refused since there is as much of it as may be. */
export interface Excess {
  scope: 'process' | 'subject' | 'socket';
  most: number;
  /** Of what there is so much; otherwise the number of operations, or of sockets. */
  unit?: 'bytes';
}

/** When to try again what was refused, in milliseconds. */
export const retryAfterMs = 1_000;

/** Counts what is open in this process, and refuses what would be too much. */
export class Limits {
  readonly #sockets: Count;
  readonly #socketsOf: Count;
  readonly #operations: Count;
  readonly #operationsOf: Count;
  readonly #operationsPerSocket: number;
  readonly #bytes: Count;
  readonly #bytesOf: Count;
  readonly #refuseOperation: (limit: Excess['scope']) => void;

  constructor(options: LimitsOptions, telemetry: HttpTelemetry = noHttpTelemetry) {
    const refuseSocket = (limit: Excess['scope']): void => telemetry.refused('socket', limit);
    this.#refuseOperation = (limit) => telemetry.refused('operation', limit);
    this.#sockets = new Count(options.sockets, 'process', refuseSocket);
    this.#socketsOf = new Count(options.socketsPerSubject, 'subject', refuseSocket);
    this.#operations = new Count(options.operations, 'process', this.#refuseOperation);
    this.#operationsOf = new Count(options.operationsPerSubject, 'subject', this.#refuseOperation);
    this.#operationsPerSocket = options.operationsPerSocket;
    this.#bytes = new Count(options.heldBytes, 'process', this.#refuseOperation, 'bytes');
    this.#bytesOf = new Count(Math.floor(options.heldBytes / 2), 'subject', this.#refuseOperation, 'bytes');
  }

  /** How many operations, and requests over HTTP, are under way. */
  get operations(): number {
    return this.#operations.of('');
  }

  /** Takes the place of a socket whose subject is not known yet. */
  takeSocket(): Release | Excess {
    return this.#sockets.take('');
  }

  /** Takes the place of a socket among those of its subject. */
  takeSocketOf(actor: Actor): Release | Excess {
    return this.#socketsOf.take(nameOf(actor));
  }

  /**
   * Takes the place of an operation, or of a request over HTTP.
   * @param bytes how long it is: so much is held in memory for as long as it lasts
   */
  takeOperation(actor: Actor, bytes: number): Release | Excess {
    const name = nameOf(actor);
    const places: [Count, string, number][] = [
      [this.#operationsOf, name, 1],
      [this.#operations, '', 1],
      [this.#bytesOf, name, bytes],
      [this.#bytes, '', bytes],
    ];
    const taken: Release[] = [];
    const release = (): void => {
      for (const give of taken) give();
    };
    for (const [count, key, amount] of places) {
      const place = count.take(key, amount);
      if (typeof place !== 'function') {
        release();
        return place;
      }
      taken.push(place);
    }
    return release;
  }

  /** A count of the operations of one socket. */
  countOfSocket(): Count {
    return new Count(this.#operationsPerSocket, 'socket', this.#refuseOperation);
  }
}

/** Counts by keys, each up to the same limit. */
export class Count {
  readonly #excess: Excess;
  readonly #onRefusal: (scope: Excess['scope']) => void;
  readonly #taken = new Map<string, number>();

  constructor(most: number, scope: Excess['scope'], onRefusal: (scope: Excess['scope']) => void, unit?: 'bytes') {
    this.#onRefusal = onRefusal;
    this.#excess = { scope, most, ...(unit && { unit }) };
  }

  /** How much of the key is taken. */
  of(key: string): number {
    return this.#taken.get(key) ?? 0;
  }

  take(key: string, amount = 1): Release | Excess {
    const taken = this.#taken.get(key) ?? 0;
    if (taken + amount > this.#excess.most) {
      this.#onRefusal(this.#excess.scope);
      return this.#excess;
    }
    this.#taken.set(key, taken + amount);
    let released = false;
    return () => {
      if (!released) this.#give(key, amount);
      released = true;
    };
  }

  #give(key: string, amount: number): void {
    const left = (this.#taken.get(key) ?? 0) - amount;
    if (left > 0) this.#taken.set(key, left);
    else this.#taken.delete(key);
  }
}

/** What an operation is answered that would be too much; only the process is overloaded, all else is the client's own doing. */
export const tooManyOperations = (excess: Excess): GraphQLError =>
  new GraphQLError(
    `${excess.unit === 'bytes' ? 'Too large' : 'Too many'} operations at a time ${placeOf(excess)}. Wait until some have ended, or complete them.`,
    {
      extensions: { code: excess.scope === 'process' ? 'OVERLOADED' : 'RATE_LIMITED', limit: excess.scope, retryAfterMs },
    },
  );

/** Which limit was met, in words. */
export const placeOf = ({ scope, most, unit }: Excess): string =>
  `${{ process: 'in this process', subject: 'of this subject', socket: 'on this socket' }[scope]}: ${most}${unit === 'bytes' ? ' bytes' : ''}`;

/** For whom nobody has to say who it is: all together, as no tenant can be called. */
export const strangers: Actor = { tenantId: '', subject: '' };

const nameOf = ({ tenantId, subject }: Actor): string => JSON.stringify([tenantId, subject]);
