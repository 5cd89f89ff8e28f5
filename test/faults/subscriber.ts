import { isTerminal } from '../../src/store/index.ts';
import type { Dice } from './dice.ts';
import type { Journal } from './journal.ts';
import type { Mood } from './mood.ts';
import { endMarkPrefix } from './names.ts';
import { type Selection, whereOf } from './selection.ts';
import type { Ending, Piece, Source, Update } from './source.ts';

export interface SubscriberOptions {
  id: string;
  source: Source;
  journal: Journal;
  dice: Dice;
  mood: Mood;
  /** How long it mostly stays, in milliseconds. */
  meanStayMs: number;
}

/** How long a subscriber that has left mostly stays away, in milliseconds. */
const meanAwayMs = 1_000;
/** How long it waits after it was broken off: at random, up to so many milliseconds, twice as many each time. */
const backoffMs = { base: 250, most: 4_000 };

/** Comes and goes at random until it has what it came for, and writes down what it is told. */
abstract class Subscriber {
  protected readonly options: SubscriberOptions;
  #piece = 0;

  constructor(options: SubscriberOptions) {
    this.options = options;
  }

  protected abstract readonly interest: { waitsFor: string } | { follows: Selection };
  /** Where it goes on. */
  protected abstract readonly after: number | string | null;
  /** Whether all has been told that it came for. */
  protected abstract readonly isTold: boolean;
  /** Whether nothing can be said any more of what it should be told. */
  protected abstract readonly hasMissedAll: boolean;
  protected abstract open(onUpdate: (update: Update) => void): Piece;
  protected abstract take(update: Update): void;
  /** Whether it need not come back after this. */
  protected abstract isSatisfied(ending: Ending): boolean;

  /** Resolves when it has what it came for, or has to stop. */
  async run(): Promise<void> {
    const { id, journal, dice, mood } = this.options;
    journal.write({ type: 'JOINED', subscriber: id, interest: this.interest });
    for (let breaks = 0; !mood.isStopped && !this.hasMissedAll; ) {
      const ending = await this.#onePiece();
      journal.write({ type: 'ENDED', subscriber: id, piece: this.#piece, ...ending });
      if (ending.how === 'REFUSED' || this.isSatisfied(ending)) return;
      breaks = ending.how === 'BROKEN' ? breaks + 1 : 0;
      if (breaks > 0) await mood.pause(dice.between(0, Math.min(backoffMs.base * 2 ** breaks, backoffMs.most)));
      else await mood.whileRestless(dice.about(meanAwayMs));
    }
  }

  async #onePiece(): Promise<Ending> {
    const { id, journal, dice, mood, meanStayMs } = this.options;
    const piece = ++this.#piece;
    journal.write({ type: 'BEGUN', subscriber: id, piece, after: this.after });
    const open = this.open((update) => {
      const { kind, cursor = null, assessment } = update;
      const { assessmentId, version, state, progress } = assessment;
      journal.write({ type: 'SEEN', subscriber: id, piece, cursor, assessmentId, version, state, kind, progress, at: Date.now() });
      this.take(update);
    });
    const forgets = [mood.onStop(() => open.leave()), mood.onCalm(() => this.hasMissedAll && open.leave())];
    const timer = setTimeout(() => {
      if (!mood.isCalm && !this.isTold) open.leave();
    }, dice.about(meanStayMs));
    const ending = await open.ended;
    clearTimeout(timer);
    for (const forget of forgets) forget();
    return ending;
  }
}

/** Waits for the end of an assessment, and comes back after the last version that it has seen. */
export class Waiter extends Subscriber {
  protected readonly interest: { waitsFor: string };
  protected after: number | null = null;
  protected isTold = false;
  protected readonly hasMissedAll = false;

  constructor(options: SubscriberOptions, assessmentId: string) {
    super(options);
    this.interest = { waitsFor: assessmentId };
  }

  protected open(onUpdate: (update: Update) => void): Piece {
    return this.options.source.waitFor(this.interest.waitsFor, this.after, onUpdate);
  }

  protected take({ assessment: { version, state } }: Update): void {
    this.after = version;
    this.isTold ||= isTerminal(state);
  }

  protected isSatisfied({ how }: Ending): boolean {
    return how === 'COMPLETED' || this.isTold;
  }
}

/** Follows a feed until the mark of the end has come, and goes on from the last cursor that it has seen. */
export class Follower extends Subscriber {
  protected readonly interest: { follows: Selection };
  protected after: string | null;
  protected isTold = false;
  #piece: Piece | undefined;

  /** @param after where it begins; null: now */
  constructor(options: SubscriberOptions, selection: Selection, after: string | null) {
    super(options);
    this.interest = { follows: selection };
    this.after = after;
  }

  /** It began "now" again and again, and has been told nothing: so from its last "now" on there may be nothing to tell. */
  protected get hasMissedAll(): boolean {
    return this.after === null && this.options.mood.isCalm;
  }

  protected open(onUpdate: (update: Update) => void): Piece {
    this.#piece = this.options.source.follow(whereOf(this.interest.follows), this.after, onUpdate);
    return this.#piece;
  }

  protected take({ cursor, assessment: { assessmentId } }: Update): void {
    this.after = cursor ?? this.after;
    if (!assessmentId.startsWith(endMarkPrefix)) return;
    this.isTold = true;
    this.#piece?.leave();
  }

  protected isSatisfied({ how }: Ending): boolean {
    return this.isTold || how === 'COMPLETED';
  }
}
