import { GraphQLError } from 'graphql';
import type { Place } from '../context.ts';
import { AdmissionLine } from './admission-line.ts';
import { LoopWatch } from './loop-watch.ts';
import { type OperationKind, operationKinds } from './operation-kind.ts';

export interface AdmissionOptions {
  /** Most operations that are worked on at a time. */
  places: number;
  /** Most lists among them. */
  lists: number;
  /** How long an operation may take, as far as that can be foreseen, in milliseconds: who would take longer is refused. */
  patienceMs: number;
  /** Told of every refusal. */
  onRefused?: (kind: OperationKind) => void;
  /** How late the event loop is, in milliseconds; by default that is measured. */
  lateMs?: () => number;
}

/** An operation was not begun, for there is too much to do. */
export interface Shed {
  retryAfterMs: number;
}

interface Rules {
  /** A kind takes no place while more than this part of them is taken: so there is always room for what is more urgent. */
  places: number;
  /** By which part of the patience it is refused. Who begins to wait for something has time. */
  patience: number;
}

const rules: Readonly<Record<OperationKind, Rules>> = {
  report: { places: 1, patience: 1 },
  claim: { places: 0.9, patience: 1 },
  submission: { places: 0.8, patience: 0.8 },
  read: { places: 0.7, patience: 0.8 },
  watch: { places: 0.6, patience: 10 },
  list: { places: 0.5, patience: 0.5 },
};
/** The part of the places that a kind has for itself, so that it goes on, slowly, whatever the others do. */
const ownPart = 0.05;
/** A loop that is later than this all the time has too much to do at a time, in milliseconds: then there are fewer places, down to a part of them. */
const lateLoopMs = 30;
const fewer = 0.7;
const leastPart = 0.1;
/** While it is not, so large a part of them is added again. */
const more = 0.05;
/** Most that wait, for each place; of those who begin to watch ten times as many. */
const waitingPerPlace = 10;
/** However long the work takes, so large a part of the patience is left for waiting; and how much one operation counts in how long that takes. */
const leastWait = 0.2;
const weight = 0.1;
/** An operation comes round in the event loop at least so often: with its request, and with the answer of the database. */
const turns = 2;
const lookMs = 50;
const retryMs = { least: 1_000, spread: 1_000 };

/** What there is of one kind. */
interface Desk {
  kind: OperationKind;
  line: AdmissionLine;
  working: number;
  /** How long they lately kept their places, in milliseconds. */
  tookMs: number;
  rules: Rules;
  /** Most places that it may have. */
  most: number;
  patienceMs: number;
  mostWaiting: number;
}

/**
 * Lets so many operations be worked on at a time, and fewer where they keep the event loop busy for long. The others wait in line, the more urgent
 * before the less urgent. Who would take too long, going by how its line gets on, how long the work lately took and how late the event loop is, is
 * refused at once, and who has waited too long is refused then. While there is room, an operation costs some comparisons and counts.
 */
export class Admission {
  readonly #desks: Readonly<Record<OperationKind, Desk>>;
  readonly #inOrder: readonly Desk[];
  readonly #patienceMs: number;
  readonly #places: number;
  readonly #loop = new LoopWatch((lateMs) => this.adapt(lateMs));
  readonly #lateMs: () => number;
  readonly #onRefused: (kind: OperationKind) => void;
  /** How many places there are now. */
  #open: number;
  #working = 0;
  #waiting = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor({ places, lists, patienceMs, onRefused = () => {}, lateMs }: AdmissionOptions) {
    const deskOf = (kind: OperationKind): Desk => ({
      ...{ kind, line: new AdmissionLine(), working: 0, tookMs: 0 },
      rules: rules[kind],
      most: kind === 'list' ? lists : places,
      patienceMs: patienceMs * rules[kind].patience,
      mostWaiting: places * waitingPerPlace * (kind === 'watch' ? 10 : 1),
    });
    this.#inOrder = operationKinds.map(deskOf);
    this.#desks = Object.fromEntries(this.#inOrder.map((desk) => [desk.kind, desk])) as Record<OperationKind, Desk>;
    this.#patienceMs = patienceMs;
    this.#places = places;
    this.#open = places;
    this.#lateMs = lateMs ?? (() => this.#loop.lateMs);
    this.#onRefused = onRefused;
  }

  start(): void {
    this.#loop.start();
  }

  /** Refuses those who wait. */
  stop(): void {
    this.#loop.stop();
    for (const { line } of this.#inOrder) line.clear();
  }

  /** Makes it fewer places, or more again, by how late the event loop has been lately, in milliseconds. */
  adapt(lateMs: number): void {
    const wanted = lateMs > lateLoopMs ? this.#open * fewer : this.#open + this.#places * more;
    this.#open = Math.min(this.#places, Math.max(1, this.#places * leastPart, wanted));
    if (this.#waiting > 0) this.#beginNext();
  }

  /** How many places there are now, */
  get places(): number {
    return Math.floor(this.#open);
  }

  /** how many operations are worked on, */
  get working(): number {
    return this.#working;
  }

  /** and how many wait for that. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Whether even the most urgent would be refused: then nobody has to look what it is. */
  get isShut(): boolean {
    return turns * this.#lateMs() > this.#patienceMs;
  }

  /** What an operation is told that was refused without a look at it. */
  shed(): Shed {
    return { retryAfterMs: retryMs.least + Math.round(Math.random() * retryMs.spread) };
  }

  /** Takes a place for an operation, in time or at once; it has to be left in the end. */
  enter(kind: OperationKind): Place | Promise<Place | Shed> | Shed {
    const desk = this.#desks[kind];
    if (turns * this.#lateMs() > desk.patienceMs) return this.#refuse(desk);
    if (desk.line.length === 0 && this.#hasRoom(desk)) {
      desk.line.pass();
      return this.#take(desk);
    }
    const now = performance.now();
    const waitMs = Math.max(desk.patienceMs - desk.tookMs, desk.patienceMs * leastWait);
    if (desk.line.length >= desk.mostWaiting || desk.line.expectedMs(now) > waitMs) return this.#refuse(desk);
    return this.#wait(desk, now, now + waitMs);
  }

  #hasRoom({ working, rules, most }: Desk): boolean {
    return (this.#working + 1 <= this.#open * rules.places || working + 1 <= this.#open * ownPart || working === 0) && working < most;
  }

  #take(desk: Desk): Place {
    this.#working++;
    desk.working++;
    return new TakenPlace(desk, this.#leave);
  }

  readonly #leave = (desk: Desk, tookMs: number): void => {
    desk.tookMs += weight * (tookMs - desk.tookMs);
    this.#working--;
    desk.working--;
    if (this.#waiting > 0) this.#beginNext();
  };

  #beginNext(): void {
    const now = performance.now();
    for (const desk of this.#inOrder) while (desk.line.length > 0 && this.#hasRoom(desk)) desk.line.next(now);
  }

  #wait(desk: Desk, now: number, deadline: number): Promise<Place | Shed> {
    this.#waiting++;
    this.#timer ??= setInterval(() => this.#look(), lookMs).unref();
    return new Promise((resolve) => {
      const begin = (): void => {
        this.#waiting--;
        resolve(this.#take(desk));
      };
      const refuse = (): void => {
        this.#waiting--;
        resolve(this.#refuse(desk));
      };
      desk.line.join({ deadline, begin, refuse }, now);
    });
  }

  #look(): void {
    const now = performance.now();
    for (const { line } of this.#inOrder) line.expire(now);
    if (this.#waiting > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #refuse(desk: Desk): Shed {
    this.#onRefused(desk.kind);
    return this.shed();
  }
}

/** Whether the operation was refused. */
export const isShed = (entered: Place | Shed): entered is Shed => 'retryAfterMs' in entered;

/** What an operation is answered that was refused. */
export const overloaded = ({ retryAfterMs }: Shed): GraphQLError =>
  new GraphQLError('The service has more to do than it can do in time. Nothing was done; try again later.', {
    extensions: { code: 'OVERLOADED', limit: 'process', retryAfterMs },
  });

class TakenPlace implements Place {
  readonly #desk: Desk;
  readonly #onLeave: (desk: Desk, tookMs: number) => void;
  readonly #since = performance.now();
  #left = false;

  constructor(desk: Desk, onLeave: (desk: Desk, tookMs: number) => void) {
    this.#desk = desk;
    this.#onLeave = onLeave;
  }

  leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#onLeave(this.#desk, performance.now() - this.#since);
  }

  rest(): void {
    if (this.#desk.kind === 'watch' || this.#desk.kind === 'claim') this.leave();
  }
}
