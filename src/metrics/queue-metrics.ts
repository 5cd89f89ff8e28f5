import { Gauge, type Registry } from 'prom-client';
import type { QueueTotals } from '../store/index.ts';

/** How long what was read is shown again, in milliseconds: longer where reading takes long, so that it takes a twentieth of the time at most. */
const freshMs = 5_000;
const share = 20;
/** How long a scrape waits for the database. */
const patienceMs = 2_000;

const queues = {
  depth: ['Assessments that are PENDING.', ({ ready, scheduled }: QueueTotals) => ready + scheduled],
  ready: ['Assessments that a worker could claim now.', ({ ready }: QueueTotals) => ready],
  scheduled: ['Assessments that wait for the time of their retry.', ({ scheduled }: QueueTotals) => scheduled],
  processing: ['Assessments that are PROCESSING.', ({ processing }: QueueTotals) => processing],
  oldest_ready_seconds: [
    'How long that which has waited longest could have been claimed; 0 when nothing is ready.',
    ({ oldestReadySeconds }: QueueTotals) => oldestReadySeconds,
  ],
} as const;
const types = ['COMPLIANCE', 'HEALTH', 'SECURITY'] as const;

/**
 * The queues of all tenants together, read from the database when somebody scrapes. Without the database there are none, and it is said to be down.
 */
export class QueueMetrics {
  readonly #read: () => Promise<readonly QueueTotals[]>;
  #totals: readonly QueueTotals[] | undefined;
  #staleAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  constructor(registry: Registry, read: () => Promise<readonly QueueTotals[]>) {
    this.#read = read;
    const current = (): readonly QueueTotals[] | undefined => this.#totals;
    for (const [name, [help, shownOf]] of Object.entries(queues)) {
      new Gauge({
        ...{ name: `assessment_store_queue_${name}`, help, labelNames: ['type'], registers: [registry] },
        collect() {
          this.reset();
          const totals = current();
          if (totals === undefined) return;
          for (const type of types) this.set({ type }, shownOf(totals.find((one) => one.type === type) ?? { type, ...none }));
        },
      });
    }
    new Gauge({
      ...{
        name: 'assessment_store_database_up',
        help: 'Whether the database answered when the queues were read last.',
        registers: [registry],
      },
      collect() {
        this.set(current() === undefined ? 0 : 1);
      },
    });
  }

  /** Reads the queues unless that was done a moment ago; resolves after `patienceMs` at the latest. To be called before the metrics are collected. */
  async refresh(): Promise<void> {
    if (performance.now() >= this.#staleAt) this.#reading ??= this.#readOnce();
    if (this.#reading === undefined) return;
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), patienceMs);
    });
    const isRead = await Promise.race([this.#reading.then(() => true), patience]);
    clearTimeout(timer);
    if (!isRead) this.#totals = undefined;
  }

  async #readOnce(): Promise<void> {
    const began = performance.now();
    this.#totals = await this.#read().catch(() => undefined);
    this.#staleAt = performance.now() + (this.#totals === undefined ? 0 : Math.max(freshMs, share * (performance.now() - began)));
    this.#reading = undefined;
  }
}

const none = { ready: 0, scheduled: 0, processing: 0, oldestReadySeconds: 0 };
