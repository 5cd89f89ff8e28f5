import { isTerminal } from '../../src/store/index.ts';
import type { Flaw } from './flaw.ts';
import type { BegunLine, EndedLine, SeenLine } from './line.ts';
import type { Trail, TrailEntry } from './trail.ts';

/**
 * One that waits for the end of an assessment: in all its pieces together the versions rise, each is as the audit trail has it, none is
 * newer than an end that was not told, and the last is an end, after which the service completes the subscription. Versions between
 * may be left out.
 */
export class WaiterCheck {
  readonly #trail: Trail;
  readonly #assessmentId: string;
  readonly #flaws: Flaw[] = [];
  readonly #subscriber: string;
  #piece = 0;
  #last: SeenLine | undefined;
  #firstEnd: TrailEntry | undefined;
  #isTold = false;
  #isOver = false;

  constructor(subscriber: string, assessmentId: string, trail: Trail) {
    this.#subscriber = subscriber;
    this.#assessmentId = assessmentId;
    this.#trail = trail;
  }

  begun({ piece, after }: BegunLine): void {
    this.#piece = piece;
    const seen = this.#last?.version ?? null;
    if (after !== seen) this.#note(seen, `began after ${after}, not where the piece before had ended`);
  }

  seen(line: SeenLine): void {
    const { assessmentId, version, state, kind } = line;
    const last = this.#last;
    if (assessmentId !== this.#assessmentId) this.#note(version, `is told of ${assessmentId}, for which it does not wait`);
    const entry = this.#trail.at(this.#assessmentId, version);
    if (entry?.state !== state || entry.progress !== line.progress)
      this.#note(version, `came as ${state}, which the audit trail does not have`);
    else if (kind !== 'SNAPSHOT' && kind !== entry.kind) this.#note(version, `came as ${kind}, and was ${entry.kind}`);
    if (last !== undefined && version <= last.version)
      this.#note(version, version === last.version ? 'came twice' : `came after version ${last.version}`);
    if (this.#isTold) this.#note(version, 'came after the end');
    if (last === undefined) this.#firstEnd = this.#trail.firstEndFrom(this.#assessmentId, version);
    if (isTerminal(state)) this.#isTold = true;
    else if (this.#firstEnd !== undefined && version > this.#firstEnd.version)
      this.#note(version, `came although the end at version ${this.#firstEnd.version} had not been told`);
    this.#last = line;
  }

  ended({ how, why }: EndedLine): void {
    if (how === 'REFUSED') this.#note(null, `was refused: ${why}`);
    // Where the connection broke between the two, the end is known all the same.
    this.#isOver ||= this.#isTold && (how === 'COMPLETED' || how === 'BROKEN');
    if (how === 'COMPLETED' && !this.#isTold) this.#note(null, 'was completed without having been told of an end');
  }

  /** All that was found, once its last line has been taken. */
  finish(): readonly Flaw[] {
    if (!this.#isTold)
      this.#note(this.#last?.version ?? null, `is left waiting; the last it was told is ${this.#last?.state ?? 'nothing'}`);
    else if (!this.#isOver) this.#note(null, 'was told of the end, but its subscription was not completed');
    return this.#flaws;
  }

  #note(version: number | null, flaw: string): void {
    this.#flaws.push({ subscriber: this.#subscriber, piece: this.#piece, assessmentId: this.#assessmentId, version, flaw });
  }
}
