import type { UpdateView } from '../store/assessments.ts';
import { isTerminal } from '../store/lifecycle.ts';
import { type SentUpdate, updateOf } from './decode.ts';
import * as documents from './documents.ts';
import { Inbox } from './inbox.ts';
import { LiveQuery, type LiveQueryContext } from './live-query.ts';

export interface WatchStreamOptions extends LiveQueryContext {
  /** As the caller gave them: the service says what is wrong with them. */
  assessmentId?: unknown;
  afterVersion?: unknown;
}

/**
 * The updates of one assessment. It keeps at most the state it begins with and the newest update after that, as the service does for it;
 * after a break it goes on after the last version that came.
 */
export class WatchStream {
  readonly #inbox = new Inbox<UpdateView>();
  readonly #query: LiveQuery<{ answer: SentUpdate }>;
  #version: number | undefined;

  constructor({ assessmentId, afterVersion, ...options }: WatchStreamOptions) {
    this.#query = new LiveQuery({
      ...options,
      document: documents.watch,
      variables: () => ({ assessmentId, afterVersion: this.#version ?? afterVersion }),
      onData: ({ answer }) => this.#take(updateOf(answer)),
      // There was nothing to say after `afterVersion`. In any other case an end comes with an update.
      onComplete: () => {
        const isOver = this.#version === undefined && typeof afterVersion === 'number';
        if (isOver) this.#inbox.end();
        return isOver;
      },
      onError: (error) => this.#inbox.end({ error }),
    });
    this.#query.begin();
  }

  next(): Promise<IteratorResult<UpdateView, undefined>> {
    return this.#inbox.next();
  }

  return(): void {
    this.#query.end();
    this.#inbox.end();
  }

  #take(update: UpdateView): void {
    const { version, state } = update.assessment;
    if (this.#version !== undefined && version <= this.#version) return;
    this.#version = version;
    this.#inbox.put(update, this.#inbox.first?.kind === 'SNAPSHOT' ? 1 : 0);
    if (!isTerminal(state)) return;
    this.#inbox.end();
    this.#query.end();
  }
}
