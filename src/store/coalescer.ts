import { Lanes } from './lanes.ts';
import { Turns } from './turns.ts';

export interface CoalescerOptions<Item, Outcome> {
  /** Runs one statement for all items; outcomes in the order of the items. A rejection means that nothing was done. */
  execute: (items: readonly Item[]) => Promise<readonly Outcome[]>;
  /** Items with the same key never share a statement: the later one waits for the earlier one's outcome. */
  keyOf: (item: Item) => string;
  /** Whose item it is: a tenant. Where items wait, those of several are taken in turns. */
  laneOf: (item: Item) => string;
  /** What an item adds to a statement, in bytes. */
  sizeOf: (item: Item) => number;
  /** Whether a rejection is the fault of one of the items, so that the others would pass without it. */
  isItemFault: (error: unknown) => boolean;
  /** Most statements under way at a time. */
  concurrency: number;
  /** Most items in a statement. */
  maxItems?: number;
  /** Most bytes in a statement; a larger item goes alone. */
  maxBytes?: number;
}

interface Waiting<Item, Outcome> {
  item: Item;
  settle: (outcome: Outcome) => void;
  fail: (error: unknown) => void;
}

/**
 * Gathers commands that arrive together into one statement. A command is sent at once while a statement is free, so an idle
 * service adds no delay; while all statements are under way, what arrives is gathered for the next one, so a busy service sends few
 * and large ones. Where more is gathered than one statement holds, the tenants take turns in it, so that one who floods the service makes nobody else wait
 * for more than the statements under way. Each item has its own outcome: a statement that the database refuses for one item's sake is divided, first by
 * tenants and then in halves, until that item stands alone, and only its caller is refused.
 */
export class Coalescer<Item, Outcome> {
  readonly #options: Required<CoalescerOptions<Item, Outcome>>;
  readonly #waiting = new Lanes<Waiting<Item, Outcome>>();
  readonly #tails = new Map<string, Promise<unknown>>();
  readonly #turns: Turns;
  /** How many statements have been asked for that are yet to be sent. */
  #asked = 0;

  constructor(options: CoalescerOptions<Item, Outcome>) {
    this.#options = { maxItems: 500, maxBytes: 4 * 1024 * 1024, ...options };
    this.#turns = new Turns(this.#options.concurrency);
  }

  /** The item's outcome, after the transaction that it was part of has committed. */
  run(item: Item): Promise<Outcome> {
    const key = this.#options.keyOf(item);
    const earlier = this.#tails.get(key);
    const outcome = earlier === undefined ? this.#enqueue(item) : earlier.then(() => this.#enqueue(item));
    const tail = outcome.then(noop, noop).then(() => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    });
    this.#tails.set(key, tail);
    return outcome;
  }

  #enqueue(item: Item): Promise<Outcome> {
    return new Promise((settle, fail) => {
      this.#waiting.push(this.#options.laneOf(item), { item, settle, fail });
      this.#ask();
    });
  }

  /** Asks for as many statements as what waits will fill. */
  #ask(): void {
    while (this.#waiting.size > this.#asked * this.#options.maxItems) {
      this.#asked++;
      this.#turns.take(() => this.#dispatch());
    }
  }

  #dispatch(): void {
    this.#asked--;
    const part = this.#nextPart();
    this.#ask(); // what had no room
    void this.#send(part).finally(() => this.#turns.done());
  }

  /** As much as one statement holds, the tenants in turns. */
  #nextPart(): Waiting<Item, Outcome>[] {
    const { maxItems, maxBytes, sizeOf } = this.#options;
    const part: Waiting<Item, Outcome>[] = [];
    let bytes = 0;
    const fits = ({ item }: Waiting<Item, Outcome>): boolean => part.length === 0 || bytes + sizeOf(item) <= maxBytes;
    while (part.length < maxItems) {
      const next = this.#waiting.shift(fits);
      if (next === undefined) break;
      bytes += sizeOf(next.item);
      part.push(next);
    }
    return part;
  }

  /**
   * A part that fails for one item's sake is divided, and its halves wait behind the other parts; so the culprits are found last. Meanwhile
   * whoever else waits has a turn between any two.
   */
  async #send(whole: Waiting<Item, Outcome>[]): Promise<void> {
    const parts = whole.length > 0 ? [whole] : [];
    const culprits: (() => void)[] = [];
    for (const part of parts) {
      if (part !== whole) await this.#turns.pass();
      try {
        await this.#execute(part);
      } catch (error) {
        const [culprit] = part;
        if (!this.#options.isItemFault(error)) for (const { fail } of part) fail(error);
        else if (part.length === 1) culprits.push(() => culprit?.fail(error));
        else parts.push(...this.#halvesOf(part));
      }
    }
    for (const refuse of culprits) refuse();
  }

  /** Half of the tenants each, so that they are soon rid of one another; what is one tenant's, in the middle. */
  #halvesOf(part: readonly Waiting<Item, Outcome>[]): Waiting<Item, Outcome>[][] {
    const laneOf = ({ item }: Waiting<Item, Outcome>): string => this.#options.laneOf(item);
    const lanes = [...new Set(part.map(laneOf))];
    if (lanes.length === 1) return [part.slice(0, Math.ceil(part.length / 2)), part.slice(Math.ceil(part.length / 2))];
    const first = new Set(lanes.slice(0, Math.ceil(lanes.length / 2)));
    return [part.filter((waiting) => first.has(laneOf(waiting))), part.filter((waiting) => !first.has(laneOf(waiting)))];
  }

  async #execute(waiting: Waiting<Item, Outcome>[]): Promise<void> {
    const outcomes = await this.#options.execute(waiting.map(({ item }) => item));
    waiting.forEach(({ settle, fail }, index) => {
      const outcome = outcomes[index];
      if (outcome === undefined) fail(new Error(`a statement for ${waiting.length} items gave no outcome for item ${index}`));
      else settle(outcome);
    });
  }
}

const noop = (): void => {};
