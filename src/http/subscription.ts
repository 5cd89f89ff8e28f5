import type { AssessmentUpdate, UpdateSource } from '../store/index.ts';
import { type ErrorPlace, toClientError, withClientErrors, withoutHttpStatus } from './client-errors.ts';
import type { Answer, OperationAnswers } from './shared-answers.ts';

/** Where the answers of one subscription go. */
export interface Outlet {
  /** Whether its client has to read before it is sent more. */
  readonly isFull: boolean;
  /** Calls `more` once, as soon as it is no longer full, and `rest` where that takes long. */
  whenRoom(waiting: WaitingForRoom): void;
  /** Sends the answer to an update, also when it is full. */
  send(payload: Buffer, update: AssessmentUpdate): void;
}

export interface WaitingForRoom {
  more(): void;
  rest(): void;
}

export interface SubscriptionOptions {
  source: UpdateSource;
  answers: OperationAnswers;
  /** Whose errors are told. */
  place: ErrorPlace;
}

type Result = IteratorResult<never, undefined>;
const done = { done: true, value: undefined } as const;

/**
 * A subscription under way: takes updates from its source and sends their answers to an outlet, as long as that is not full. An update that
 * has been answered already, for another reader, costs no promise and no execution.
 *
 * For those who expect a stream of results it is one that gives nothing, and is done, or throws, when the subscription has ended.
 */
export class Subscription implements AsyncIterableIterator<never, undefined>, WaitingForRoom {
  readonly #source: UpdateSource;
  readonly #answers: OperationAnswers;
  readonly #place: ErrorPlace;
  /** Taken and not sent yet, in order. */
  #taken: (Answer | Promise<Answer>)[] = [];
  #sent = 0;
  #outlet: Outlet | undefined;
  #over = false;
  /** What it ended with before anybody waited for its end. */
  #error: unknown;
  #whenOver: (() => void) | undefined;
  #end: Promise<Result> | undefined;
  #resolve: (() => void) | undefined;
  #reject: ((error: unknown) => void) | undefined;

  constructor({ source, answers, place }: SubscriptionOptions) {
    this.#source = source;
    this.#answers = answers;
    this.#place = place;
  }

  /** Whether it has ended with nothing left to be sent. */
  get isOver(): boolean {
    return this.#over || (!this.#take() && this.#source.ended && this.#source.error === undefined);
  }

  /** Where the answers go; to be called before the first `next()`. */
  deliverTo(outlet: Outlet): void {
    this.#outlet = outlet;
  }

  /** Begins to send at its first call; resolves, or rejects, when everything has been sent. */
  next(): Promise<Result> {
    this.#end ??= new Promise<Result>((resolve, reject) => {
      this.#resolve = () => resolve(done);
      this.#reject = reject;
      if (this.#over && this.#error !== undefined) reject(this.#error);
      else if (this.#over) resolve(done);
      else this.more();
    });
    return this.#end;
  }

  /** Stops at once: nothing more is sent. */
  return(): Promise<Result> {
    this.#finish();
    return Promise.resolve(done);
  }

  /** Breaks it off: nothing more is sent but this error. */
  fail(error: unknown): void {
    this.#finish(error);
  }

  /** Calls back when it is over, or at once where it is. */
  onEnd(callback: () => void): void {
    if (this.#over) callback();
    else this.#whenOver = callback;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  more(): void {
    try {
      while (!this.#over && this.#sendOne());
    } catch (error) {
      this.#finish(error);
    }
  }

  rest(): void {
    this.#source.rest();
  }

  /** Sends an answer, or sees to it that `more` is called when there is one, or room for one. */
  #sendOne(): boolean {
    const outlet = this.#outlet;
    if (outlet === undefined) throw new Error('a subscription has no outlet');
    if (!this.#take()) {
      if (this.#source.ended) this.#finish(this.#source.error);
      else this.#source.whenReady(this.#onMore);
      return false;
    }
    if (outlet.isFull) {
      outlet.whenRoom(this);
      return false;
    }
    const answer = this.#taken[this.#sent] as Answer | Promise<Answer>;
    if (answer instanceof Promise) {
      void answer.then(this.#onAnswer);
      return false;
    }
    this.#sent += 1;
    outlet.send(this.#payloadOf(answer), answer.update);
    return true;
  }

  readonly #onMore = (): void => this.more();

  readonly #onAnswer = (answer: Answer): void => {
    this.#taken[this.#sent] = answer;
    this.more();
  };

  /** Whether something has been taken that is not sent yet. */
  #take(): boolean {
    if (this.#sent < this.#taken.length) return true;
    const updates = this.#source.take(this.#answers.batchSize);
    this.#taken = updates.length > 0 ? this.#answers.to(updates) : [];
    this.#sent = 0;
    return updates.length > 0;
  }

  #payloadOf({ shown }: Answer): Buffer {
    if (Buffer.isBuffer(shown)) return shown;
    const { errors = [], ...result } = withClientErrors(shown, this.#place);
    return Buffer.from(JSON.stringify({ errors: errors.map(withoutHttpStatus), ...result }));
  }

  #finish(error?: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#taken = [];
    this.#answers.leave();
    void this.#source.return();
    this.#whenOver?.();
    if (error !== undefined) this.#error = toClientError(error, this.#place);
    if (this.#error === undefined) this.#resolve?.();
    else this.#reject?.(this.#error);
  }
}
