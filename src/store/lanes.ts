interface Lane<Item> {
  items: Item[];
  /** How many of them have been taken. */
  taken: number;
}

/**
 * A queue with a lane for each tenant: the lanes are served in turns, one item each, and within a lane who came first. So a tenant with a
 * hundred thousand items makes nobody else wait longer than one with a single item does; and alone, it waits for nobody.
 */
export class Lanes<Item> {
  /** In the order of their turns; none is empty. */
  readonly #lanes = new Map<string, Lane<Item>>();
  #size = 0;

  /** How many items wait. */
  get size(): number {
    return this.#size;
  }

  push(name: string, item: Item): void {
    const lane = this.#lanes.get(name);
    if (lane === undefined) this.#lanes.set(name, { items: [item], taken: 0 });
    else lane.items.push(item);
    this.#size++;
  }

  /** Takes the item whose turn it is, and which fits; its lane goes to the end, those of which none fits keep their turns. */
  shift(fits: (item: Item) => boolean = () => true): Item | undefined {
    for (const [name, lane] of this.#lanes) {
      const item = lane.items[lane.taken] as Item;
      if (!fits(item)) continue;
      lane.taken++;
      this.#size--;
      if (lane.taken === lane.items.length) this.#lanes.delete(name);
      else this.#moveOn(name, lane);
      return item;
    }
    return undefined;
  }

  #moveOn(name: string, lane: Lane<Item>): void {
    // Only now and then: taking from the front of a long list moves all that follows.
    if (lane.taken > 1_000 && lane.taken * 2 > lane.items.length) {
      lane.items.splice(0, lane.taken);
      lane.taken = 0;
    }
    if (this.#lanes.size === 1) return;
    this.#lanes.delete(name);
    this.#lanes.set(name, lane);
  }
}
