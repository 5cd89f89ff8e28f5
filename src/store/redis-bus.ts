import { createHash, randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { keyString } from './assessment.ts';
import type { Bus, BusListener, BusStatus } from './bus.ts';
import type { Logger } from './logger.ts';
import { RedisGuard } from './redis-guard.ts';
import { type AssessmentUpdate, decodeUpdates, encodeUpdates } from './updates.ts';
import { decodeWork, encodeWork, type WorkNotice } from './work.ts';

export interface RedisBusOptions {
  /** redis://host:port or rediss://… */
  url: string;
  /** Into how many channels the assessments are spread; the same in every process. Default 64. */
  shards?: number;
  /** Begins the name of every channel; the same in every process. */
  prefix?: string;
  /** How long `attach` waits for a subscription to be confirmed, in milliseconds. Default 500. */
  confirmMs?: number;
  /** Stands before Redis; by default one of its own. */
  guard?: RedisGuard;
  log: Logger;
}

interface Shard {
  attached: number;
  confirmed: Promise<void>;
}

/** Most batches handed to Redis and not yet acknowledged; past it updates are left to the reconcile tick of the others. */
const maxUnacknowledged = 256;
const maxUnacknowledgedChars = 16_000_000;
const commandTimeoutMs = 2_000;
/** How often the subscriptions are asked for a sign of life, in milliseconds: a connection that is only listened to may be dead for hours. */
const heartbeatMs = 2_000;

/**
 * A bus over Redis pub/sub. Assessments are spread over a fixed number of channels; a process subscribes to those of the assessments
 * that it watches. Redis away, slow or restarted loses updates, which is why a reconnect tells every hub to compare with the database:
 * this one by itself, the others by a message on the channel of gaps.
 */
export class RedisBus implements Bus {
  readonly #options: Required<RedisBusOptions>;
  readonly #self = randomUUID();
  readonly #publisher: Redis;
  readonly #subscriber: Redis;
  readonly #shards = new Map<string, Shard>();
  #listener: BusListener | undefined;
  #unacknowledged = 0;
  #unacknowledgedChars = 0;
  #heartbeat: NodeJS.Timeout | undefined;
  #lostSome = false;
  #failure = 'not connected yet';
  #away = false;

  constructor(options: RedisBusOptions) {
    this.#options = { shards: 64, prefix: 'assessment-store', confirmMs: 500, guard: new RedisGuard(), ...options };
    const common = {
      lazyConnect: true,
      connectTimeout: 5_000,
      // A Redis that takes commands and answers none for so long is as good as away: what was written for it is let go of.
      socketTimeout: 2_000,
      retryStrategy: (tries: number) => Math.min(50 * 2 ** Math.min(tries, 6), 1_000),
    };
    this.#publisher = new Redis(options.url, {
      ...common,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      commandTimeout: commandTimeoutMs,
    });
    this.#subscriber = new Redis(options.url, { ...common, enableOfflineQueue: false, maxRetriesPerRequest: null, autoResubscribe: false });
  }

  start(listener: BusListener): void {
    this.#listener = listener;
    for (const connection of [this.#publisher, this.#subscriber]) {
      connection.on('error', (error: Error) => this.#noteFailure(error));
      connection.on('close', () => this.#noteFailure(new Error('the connection was closed')));
      connection.connect().catch(() => {}); // reported by 'error'; the retry strategy goes on
    }
    this.#heartbeat = setInterval(() => this.#beat(), heartbeatMs).unref();
    this.#subscriber.on('message', (channel: string, message: string) => this.#receive(channel, message));
    this.#subscriber.on('ready', () => this.#subscribeAgain());
    this.#publisher.on('ready', () => {
      this.#noteReturn();
      this.#tellOfGap();
    });
  }

  async stop(): Promise<void> {
    this.#listener = undefined;
    clearInterval(this.#heartbeat);
    this.#publisher.disconnect();
    this.#subscriber.disconnect();
  }

  publish(updates: readonly AssessmentUpdate[]): void {
    if (this.#isFull()) {
      this.#lostSome = true;
      return;
    }
    const messages = [...this.#byChannel(updates)].map(([channel, group]) => [channel, encodeUpdates(this.#self, group)] as const);
    this.#send([...messages, [this.#changesChannel, this.#self]]);
  }

  publishWork(work: readonly WorkNotice[]): void {
    if (this.#isFull()) this.#lostSome = true;
    else this.#send([[this.#workChannel, encodeWork(this.#self, work)]]);
  }

  #isFull(): boolean {
    return (
      this.#publisher.status !== 'ready' || this.#unacknowledged >= maxUnacknowledged || this.#unacknowledgedChars >= maxUnacknowledgedChars
    );
  }

  /** All messages in one pipeline. */
  #send(messages: readonly (readonly [channel: string, message: string])[]): void {
    const pipeline = this.#publisher.pipeline();
    let chars = 0;
    for (const [channel, message] of messages) {
      chars += message.length;
      pipeline.publish(channel, message);
    }
    this.#unacknowledged++;
    this.#unacknowledgedChars += chars;
    pipeline
      .exec()
      .then(
        (replies) => replies?.find(([error]) => error)?.[0] ?? undefined,
        (error: unknown) => error,
      )
      .then((error) => {
        this.#unacknowledged--;
        this.#unacknowledgedChars -= chars;
        if (error === undefined || error === null) {
          if (this.#lostSome && this.#unacknowledged === 0) this.#tellOfGap();
        } else {
          this.#lostSome = true;
          this.#noteFailure(error instanceof Error ? error : new Error(String(error)));
        }
      });
  }

  attach(key: string): Promise<void> {
    return this.#attachTo(this.#channelOf(key));
  }

  detach(key: string): void {
    this.#detachFrom(this.#channelOf(key));
  }

  attachChanges(): Promise<void> {
    return this.#attachTo(this.#changesChannel);
  }

  detachChanges(): void {
    this.#detachFrom(this.#changesChannel);
  }

  async #attachTo(channel: string): Promise<void> {
    let shard = this.#shards.get(channel);
    if (shard === undefined) {
      shard = { attached: 0, confirmed: this.#subscribe(channel) };
      this.#shards.set(channel, shard);
    }
    shard.attached++;
    await shard.confirmed;
  }

  #detachFrom(channel: string): void {
    const shard = this.#shards.get(channel);
    if (shard === undefined || --shard.attached > 0) return;
    this.#shards.delete(channel);
    if (this.#subscriber.status === 'ready') this.#subscriber.unsubscribe(channel).catch(() => {});
  }

  /** Whether the two connections are up: the one that sends, and the one that listens. */
  get connections(): { publisher: boolean; subscriber: boolean } {
    return { publisher: this.#publisher.status === 'ready', subscriber: this.#subscriber.status === 'ready' };
  }

  async check(): Promise<BusStatus> {
    try {
      await this.#publisher.ping();
      return this.#subscriber.status === 'ready' ? { up: true } : { up: false, reason: `Redis subscriptions: ${this.#failure}` };
    } catch (error) {
      return {
        up: false,
        reason: `Redis: ${this.#publisher.status === 'ready' && error instanceof Error ? error.message : this.#failure}`,
      };
    }
  }

  get #gapChannel(): string {
    return `${this.#options.prefix}:gaps`;
  }

  get #changesChannel(): string {
    return `${this.#options.prefix}:changes`;
  }

  get #workChannel(): string {
    return `${this.#options.prefix}:work`;
  }

  #channelOf(key: string): string {
    return `${this.#options.prefix}:updates:${createHash('sha1').update(key).digest().readUInt32BE() % this.#options.shards}`;
  }

  #byChannel(updates: readonly AssessmentUpdate[]): Map<string, AssessmentUpdate[]> {
    const groups = new Map<string, AssessmentUpdate[]>();
    for (const update of updates) {
      const channel = this.#channelOf(keyString(update.assessment));
      const group = groups.get(channel);
      if (group === undefined) groups.set(channel, [update]);
      else group.push(update);
    }
    return groups;
  }

  /** Resolves when Redis has confirmed the subscription, at once while it is away or known to be late, and at the latest after `confirmMs`. */
  #subscribe(channel: string): Promise<void> {
    if (this.#subscriber.status !== 'ready') return Promise.resolve(); // subscribed, and the gap told of, when it is back
    let late = false;
    const confirmed = this.#subscriber.subscribe(channel).then(
      () => {
        if (late) this.#listener?.onGap();
      },
      () => {}, // the connection was lost: likewise
    );
    return this.#options.guard
      .ask(() => within(this.#options.confirmMs, confirmed))
      .then((inTime) => {
        late = inTime !== true;
      });
  }

  #receive(channel: string, message: string): void {
    if (channel === this.#gapChannel) {
      if (message !== this.#self) this.#listener?.onGap();
      return;
    }
    if (channel === this.#workChannel) {
      const work = decodeWork(message, this.#self);
      if (work !== undefined) this.#listener?.onWork(work);
      return;
    }
    if (channel === this.#changesChannel) {
      if (message !== this.#self) this.#listener?.onChanges();
      return;
    }
    const updates = decodeUpdates(message, this.#self);
    if (updates !== undefined) this.#listener?.onUpdates(updates);
  }

  #beat(): void {
    if (this.#subscriber.status === 'ready') this.#subscriber.ping().catch(() => {}); // no answer: the socket's timeout ends the connection
  }

  #subscribeAgain(): void {
    this.#noteReturn();
    this.#subscriber.subscribe(this.#gapChannel, this.#workChannel, ...this.#shards.keys()).then(
      () => this.#listener?.onGap(),
      () => {},
    );
  }

  #tellOfGap(): void {
    this.#lostSome = false;
    this.#publisher.publish(this.#gapChannel, this.#self).catch(() => {
      this.#lostSome = true;
    });
  }

  #noteFailure(error: Error): void {
    this.#failure = error.message;
    if (this.#away || this.#listener === undefined) return;
    this.#away = true;
    this.#options.log.warn(
      { err: error },
      'Redis is away or slow: commands go on, updates of other instances come with the reconcile tick',
    );
  }

  #noteReturn(): void {
    if (!this.#away || this.#publisher.status !== 'ready' || this.#subscriber.status !== 'ready') return;
    this.#away = false;
    this.#options.log.info({}, 'Redis is back');
  }
}

/** True when the promise has resolved in time. @throws Error when it has not */
function within(ms: number, promise: Promise<void>): Promise<true> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`Redis did not answer within ${ms} ms`)), ms);
    void promise.then(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}
