import { Histogram, type Registry } from 'prom-client';

/** Upper bounds for what should take milliseconds, in seconds. */
export const shortTimes = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Upper bounds for what takes as long as the work does, in seconds. */
export const longTimes = [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3_600];

export interface DistributionOptions {
  name: string;
  help: string;
  label: string;
  buckets: number[];
}

/** A histogram with one label, whose values are looked up once. */
export class Distribution {
  readonly #label: string;
  readonly #histogram: Histogram<string>;
  readonly #known = new Map<string, Histogram.Internal<string>>();

  constructor(registry: Registry, { name, help, label, buckets }: DistributionOptions) {
    this.#label = label;
    this.#histogram = new Histogram({ name, help, labelNames: [label], buckets, registers: [registry] });
  }

  observe(value: string, amount: number): void {
    let known = this.#known.get(value);
    if (known === undefined) {
      known = this.#histogram.labels(value);
      this.#known.set(value, known);
    }
    known.observe(amount);
  }

  /** Makes a value of the label known before something happens. */
  begin(value: string): void {
    this.#histogram.zero({ [this.#label]: value });
  }
}
