import { Readable } from 'node:stream';
import { type AssessmentUpdate, resumePoint } from '../store/index.ts';
import { type ErrorPlace, toClientError, withoutHttpStatus } from './client-errors.ts';
import type { Outlet, Subscription, WaitingForRoom } from './subscription.ts';

export interface EventOutletOptions {
  /** After so long without an event there is a comment, in milliseconds. */
  keepAliveMs: number;
  /** Whose errors are told. */
  place: ErrorPlace;
}

const comment = ':\n\n';
const complete = 'event: complete\ndata:\n\n';

/**
 * Sends the answers of a subscription as server-sent events: `next`, each with an id from which a client that comes back goes on, and `complete`
 * in the end. The stream holds little: while it is not read, nothing is taken from the subscription.
 */
export class EventOutlet implements Outlet {
  readonly stream: Readable;
  readonly #subscription: Subscription;
  readonly #place: ErrorPlace;
  readonly #timer: NodeJS.Timeout;
  #full = false;
  #quiet = true;
  #waiting: WaitingForRoom | undefined;

  constructor(subscription: Subscription, { keepAliveMs, place }: EventOutletOptions) {
    this.#subscription = subscription;
    this.#place = place;
    this.stream = new Readable({
      read: () => this.#makeRoom(),
      destroy: (error, done) => {
        clearInterval(this.#timer);
        void subscription.return();
        done(error);
      },
    });
    this.#timer = setInterval(() => this.#keepAlive(), keepAliveMs);
    subscription.deliverTo(this);
    this.#push(comment); // with it go the headers, before there is an event
    void this.#run();
  }

  get isFull(): boolean {
    return this.#full;
  }

  whenRoom(waiting: WaitingForRoom): void {
    this.#waiting = waiting;
  }

  send(payload: Buffer, update: AssessmentUpdate): void {
    this.#push(Buffer.concat([Buffer.from(`id: ${resumePoint(update)}\nevent: next\ndata: `), payload, end]));
  }

  async #run(): Promise<void> {
    try {
      await this.#subscription.next();
    } catch (error) {
      const told = withoutHttpStatus(toClientError(error, this.#place));
      this.#push(`event: next\ndata: ${JSON.stringify({ errors: [told] })}\n\n`);
    }
    clearInterval(this.#timer);
    if (this.stream.destroyed) return;
    this.#push(complete);
    this.stream.push(null);
  }

  #push(chunk: string | Buffer): void {
    this.#quiet = false;
    if (!this.stream.destroyed) this.#full = !this.stream.push(chunk);
  }

  #makeRoom(): void {
    this.#full = false;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.more();
  }

  #keepAlive(): void {
    if (this.#full) this.#waiting?.rest();
    else if (this.#quiet) this.#push(comment);
    this.#quiet = true;
  }
}

const end = Buffer.from('\n\n');
