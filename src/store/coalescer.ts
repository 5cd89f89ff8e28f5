import DataLoader from 'dataloader';
import { Turns } from './turns.ts';

export interface CoalescerOptions<Item, Outcome> {
  /** Runs one statement for all items; outcomes in the order of the items. A rejection means that nothing was done. */
  execute: (items: readonly Item[]) => Promise<readonly Outcome[]>;
  /** Items with the same key never share a statement: the later one waits for the earlier one's outcome. */
  keyOf: (item: Item) => string;
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
 * and large ones. Each item has its own outcome: a statement that the database refuses for one item's sake is halved until that
 * item stands alone, and only its caller is refused.
 */
export class Coalescer<Item, Outcome> {
  readonly #options: Required<CoalescerOptions<Item, Outcome>>;
  readonly #loader: DataLoader<Item, Outcome>;
  readonly #tails = new Map<string, Promise<unknown>>();
  readonly #turns: Turns;

  constructor(options: CoalescerOptions<Item, Outcome>) {
    this.#options = { maxItems: 500, maxBytes: 4 * 1024 * 1024, ...options };
    this.#turns = new Turns(this.#options.concurrency);
    this.#loader = new DataLoader((items) => this.#dispatch(items), {
      cache: false,
      maxBatchSize: this.#options.maxItems,
      batchScheduleFn: (send) => this.#turns.take(send),
    });
  }

  /** The item's outcome, after the transaction that it was part of has committed. */
  run(item: Item): Promise<Outcome> {
    const key = this.#options.keyOf(item);
    const earlier = this.#tails.get(key);
    const outcome = earlier === undefined ? this.#loader.load(item) : earlier.then(() => this.#loader.load(item));
    const tail = outcome.then(noop, noop).then(() => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    });
    this.#tails.set(key, tail);
    return outcome;
  }

  // The loader adopts the promises, so each caller is answered as soon as its own item is decided.
  #dispatch(items: readonly Item[]): Promise<Outcome[]> {
    const waiting: Waiting<Item, Outcome>[] = [];
    const outcomes = items.map((item) => new Promise<Outcome>((settle, fail) => void waiting.push({ item, settle, fail })));
    void this.#send(waiting).finally(() => this.#turns.done());
    return Promise.resolve(outcomes as unknown as Outcome[]);
  }

  /** Parts that fail for one item's sake are halved, and their halves wait behind the other parts; so the culprits are found last. */
  async #send(waiting: Waiting<Item, Outcome>[]): Promise<void> {
    const parts = [...this.#bySize(waiting)];
    const culprits: (() => void)[] = [];
    for (const part of parts) {
      try {
        await this.#execute(part);
      } catch (error) {
        const [culprit] = part;
        if (!this.#options.isItemFault(error)) for (const { fail } of part) fail(error);
        else if (part.length === 1) culprits.push(() => culprit?.fail(error));
        else parts.push(part.slice(0, Math.ceil(part.length / 2)), part.slice(Math.ceil(part.length / 2)));
      }
    }
    for (const refuse of culprits) refuse();
  }

  *#bySize(waiting: Waiting<Item, Outcome>[]): Generator<Waiting<Item, Outcome>[]> {
    let part: Waiting<Item, Outcome>[] = [];
    let bytes = 0;
    for (const entry of waiting) {
      const size = this.#options.sizeOf(entry.item);
      if (part.length > 0 && bytes + size > this.#options.maxBytes) {
        yield part;
        part = [];
        bytes = 0;
      }
      part.push(entry);
      bytes += size;
    }
    if (part.length > 0) yield part;
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
