import type { FeedUpdateView } from '../store/assessments.ts';
import { feedUpdateOf, type SentUpdate } from './decode.ts';
import * as documents from './documents.ts';
import { Inbox } from './inbox.ts';
import { LiveQuery, type LiveQueryContext } from './live-query.ts';

export interface FeedStreamOptions extends LiveQueryContext {
  /** As the caller gave it: the service says what is wrong with it. */
  where: unknown;
  /** The cursor after which it begins. */
  after: unknown;
}

/**
 * The updates of a feed. It keeps a bounded number of them: a reader that is slower than they come makes it let go of the subscription,
 * and begin again after the last that came when all of them have been read.
 */
export class FeedStream {
  readonly #inbox = new Inbox<FeedUpdateView>();
  readonly #query: LiveQuery<{ answer: SentUpdate & { cursor: string } }>;
  readonly #most: number;
  #cursor: unknown;
  #isResting = false;

  constructor({ where, after, ...options }: FeedStreamOptions) {
    this.#cursor = after;
    this.#most = options.settings.feedBuffer;
    this.#query = new LiveQuery({
      ...options,
      document: documents.feed,
      variables: () => ({ where, after: this.#cursor }),
      onData: ({ answer }) => this.#take(feedUpdateOf(answer)),
      onComplete: () => false, // a feed has no end
      onError: (error) => this.#inbox.end({ error }),
    });
    this.#query.begin();
  }

  async next(): Promise<IteratorResult<FeedUpdateView, undefined>> {
    const next = await this.#inbox.next();
    if (this.#isResting && this.#inbox.size === 0) {
      this.#isResting = false;
      this.#query.begin();
    }
    return next;
  }

  return(): void {
    this.#query.end();
    this.#inbox.end();
  }

  #take(update: FeedUpdateView): void {
    this.#cursor = update.cursor;
    this.#inbox.put(update);
    if (this.#inbox.size < this.#most) return;
    this.#isResting = true;
    this.#query.rest();
  }
}
