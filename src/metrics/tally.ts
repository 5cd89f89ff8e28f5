import { Counter, type Registry } from 'prom-client';

/** One count. */
interface Cell {
  readonly labels: Record<string, string>;
  count: number;
}

export interface TallyOptions<Label extends string> {
  name: string;
  help: string;
  labels: readonly Label[];
}

/**
 * A counter for what happens with every command. Counting is the addition of a number: prom-client, which makes a text of the labels for each time that
 * it counts, is told when somebody asks.
 */
export class Tally<Label extends string> {
  readonly #labels: readonly Label[];
  readonly #cells = new Map<string, Cell>();

  constructor(registry: Registry, { name, help, labels }: TallyOptions<Label>) {
    this.#labels = labels;
    const cells = this.#cells;
    new Counter<string>({
      ...{ name, help, labelNames: [...labels], registers: [registry] },
      collect() {
        this.reset();
        for (const cell of cells.values()) this.inc(cell.labels, cell.count);
      },
    });
  }

  /** Adds to the count of these values, which stand in the order of the labels. A first `add(0, …)` makes it known before something happens. */
  add(count: number, ...values: readonly string[]): void {
    const key = values.length === 1 ? (values[0] as string) : values.join('\0');
    const cell = this.#cells.get(key);
    if (cell === undefined) this.#cells.set(key, { labels: this.#labelled(values), count });
    else cell.count += count;
  }

  #labelled(values: readonly string[]): Record<string, string> {
    return Object.fromEntries(this.#labels.map((label, index) => [label, values[index] ?? '']));
  }
}
