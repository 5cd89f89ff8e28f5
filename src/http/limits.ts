import { GraphQLError } from 'graphql';
import type { Actor } from '../store/index.ts';

/** The most that may be open at a time. A subject is whoever a connection acts for: a tenant and, in it, a name. */
export interface LimitsOptions {
  sockets: number;
  socketsPerSubject: number;
  /** Operations of sockets that have not ended, and requests over HTTP that are not answered yet. */
  operations: number;
  operationsPerSubject: number;
  operationsPerSocket: number;
}

/** Gives back what was taken; only the first call counts. */
export type Release = () => void;

/** Something was refused since there is as much of it as may be. */
export interface Excess {
  scope: 'process' | 'subject' | 'socket';
  most: number;
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

  constructor(options: LimitsOptions) {
    this.#sockets = new Count(options.sockets, 'process');
    this.#socketsOf = new Count(options.socketsPerSubject, 'subject');
    this.#operations = new Count(options.operations, 'process');
    this.#operationsOf = new Count(options.operationsPerSubject, 'subject');
    this.#operationsPerSocket = options.operationsPerSocket;
  }

  /** Takes the place of a socket whose subject is not known yet. */
  takeSocket(): Release | Excess {
    return this.#sockets.take('');
  }

  /** Takes the place of a socket among those of its subject. */
  takeSocketOf(actor: Actor): Release | Excess {
    return this.#socketsOf.take(nameOf(actor));
  }

  /** Takes the place of an operation, or of a request over HTTP. */
  takeOperation(actor: Actor): Release | Excess {
    const ofSubject = this.#operationsOf.take(nameOf(actor));
    if (typeof ofSubject !== 'function') return ofSubject;
    const ofProcess = this.#operations.take('');
    if (typeof ofProcess !== 'function') {
      ofSubject();
      return ofProcess;
    }
    return () => {
      ofSubject();
      ofProcess();
    };
  }

  /** A count of the operations of one socket. */
  countOfSocket(): Count {
    return new Count(this.#operationsPerSocket, 'socket');
  }
}

/** Counts by keys, each up to the same limit. */
export class Count {
  readonly #most: number;
  readonly #scope: Excess['scope'];
  readonly #taken = new Map<string, number>();

  constructor(most: number, scope: Excess['scope']) {
    this.#most = most;
    this.#scope = scope;
  }

  take(key: string): Release | Excess {
    const taken = this.#taken.get(key) ?? 0;
    if (taken >= this.#most) return { scope: this.#scope, most: this.#most };
    this.#taken.set(key, taken + 1);
    let released = false;
    return () => {
      if (!released) this.#give(key);
      released = true;
    };
  }

  #give(key: string): void {
    const left = (this.#taken.get(key) ?? 0) - 1;
    if (left > 0) this.#taken.set(key, left);
    else this.#taken.delete(key);
  }
}

/** What an operation is answered that would be too much; only the process is overloaded, all else is the client's own doing. */
export const tooManyOperations = (excess: Excess): GraphQLError =>
  new GraphQLError(`Too many operations at a time ${placeOf(excess)}. Wait until some have ended, or complete them.`, {
    extensions: { code: excess.scope === 'process' ? 'OVERLOADED' : 'RATE_LIMITED', limit: excess.scope, retryAfterMs },
  });

/** Which limit was met, in words. */
export const placeOf = ({ scope, most }: Excess): string =>
  ({ process: `in this process: ${most}`, subject: `of this subject: ${most}`, socket: `on this socket: ${most}` })[scope];

/** For whom nobody has to say who it is: all together, as no tenant can be called. */
export const strangers: Actor = { tenantId: '', subject: '' };

const nameOf = ({ tenantId, subject }: Actor): string => JSON.stringify([tenantId, subject]);
