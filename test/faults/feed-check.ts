import { decodePlace } from '../../src/store/log-place.ts';
import type { LogPoint } from '../../src/store/log-point.ts';
import type { Expectations } from './expectations.ts';
import type { Flaw } from './flaw.ts';
import type { BegunLine, EndedLine, SeenLine } from './line.ts';
import type { Selection } from './selection.ts';
import type { Trail, TrailEntry } from './trail.ts';

/**
 * One that follows a feed: its pieces together hold every change of the audit trail that its selection shows, from its beginning on,
 * exactly once and, of each assessment, in order. The beginning is exact where the feed began with a cursor or with "0". One that
 * began "now" has of each assessment all from some version on, and everything that was made after its first update had come.
 */
export class FeedCheck {
  readonly #subscriber: string;
  readonly #selection: Selection;
  readonly #trail: Trail;
  readonly #expectations: Expectations;
  readonly #flaws: Flaw[] = [];
  readonly #received = new Map<string, number[]>();
  #piece = 0;
  #start: BegunLine['after'] = null;
  #firstAt: number | undefined;
  #lastCursor: string | null = null;

  constructor(subscriber: string, selection: Selection, trail: Trail, expectations: Expectations) {
    this.#subscriber = subscriber;
    this.#selection = selection;
    this.#trail = trail;
    this.#expectations = expectations;
  }

  begun({ piece, after }: BegunLine): void {
    this.#piece = piece;
    if (this.#firstAt === undefined) this.#start = after;
    else if (after !== this.#lastCursor) this.#note(null, null, 'did not go on from the cursor of the last update');
  }

  seen({ assessmentId, version, state, kind, progress, cursor, at }: SeenLine): void {
    const entry = this.#trail.at(assessmentId, version);
    if (entry === undefined || entry.state !== state || entry.kind !== kind || entry.progress !== progress)
      this.#note(assessmentId, version, `came as ${kind}, ${state}, ${progress} %, which the audit trail does not have`);
    if (cursor === null || cursor === this.#lastCursor) this.#note(assessmentId, version, 'has no cursor of its own');
    const versions = this.#received.get(assessmentId);
    if (versions === undefined) this.#received.set(assessmentId, [version]);
    else versions.push(version);
    this.#lastCursor = cursor;
    this.#firstAt ??= at;
  }

  ended({ how, why }: EndedLine): void {
    if (how === 'REFUSED') this.#note(null, null, `was refused: ${why}`);
    if (how === 'COMPLETED') this.#note(null, null, 'was completed, though a feed has no end');
  }

  /** All that was found, once its last line has been taken. */
  finish(): readonly Flaw[] {
    const expected = this.#expectations.of(this.#selection);
    const since = pointOf(this.#start);
    for (const assessmentId of new Set([...expected.keys(), ...this.#received.keys()])) {
      const entries = expected.get(assessmentId) ?? [];
      this.#judge(assessmentId, since === undefined ? entries : entries.filter(({ txid }) => !isSettled(txid, since)));
    }
    return this.#flaws;
  }

  #judge(assessmentId: string, expected: readonly TrailEntry[]): void {
    const received = this.#received.get(assessmentId) ?? [];
    const known = new Set<number>();
    for (const [index, version] of received.entries()) {
      if (known.has(version)) this.#note(assessmentId, version, 'came twice');
      else if (version < (received[index - 1] ?? 0)) this.#note(assessmentId, version, `came after version ${received[index - 1]}`);
      known.add(version);
    }
    const [first = Number.POSITIVE_INFINITY] = received;
    const mayBeEarlier = ({ version, at }: TrailEntry): boolean =>
      this.#start === null && version < first && at <= (this.#firstAt ?? Number.POSITIVE_INFINITY);
    for (const entry of expected) {
      if (!known.delete(entry.version) && !mayBeEarlier(entry)) this.#note(assessmentId, entry.version, 'is missing');
    }
    for (const version of known) this.#note(assessmentId, version, 'came, but is none that the feed should show');
  }

  #note(assessmentId: string | null, version: number | null, flaw: string): void {
    this.#flaws.push({ subscriber: this.#subscriber, piece: this.#piece, assessmentId, version, flaw });
  }
}

/** The point in the log that a beginning names; undefined for "0" and for none. */
function pointOf(start: BegunLine['after']): LogPoint | undefined {
  return typeof start === 'string' ? decodePlace(start, 'after')?.to : undefined;
}

/** Whether a transaction had committed by then. */
const isSettled = (txid: bigint, { xmax, running }: LogPoint): boolean => txid < xmax && !running.includes(txid);
