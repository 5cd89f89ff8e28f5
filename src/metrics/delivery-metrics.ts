import { Gauge, type Registry } from 'prom-client';
import { deliveryWays, type StoreGauges, type StoreTelemetry } from '../store/index.ts';
import { Distribution, shortTimes } from './distribution.ts';
import { Tally } from './tally.ts';

/** How changes reach those who wait for them. */
export class DeliveryMetrics implements Pick<StoreTelemetry, 'delivered' | 'conflated' | 'fed' | 'replayed' | 'fellBack'> {
  readonly #lag: Distribution;
  readonly #conflated: Tally<never>;
  readonly #fed: Tally<never>;
  readonly #replayed: Tally<'reader'>;
  readonly #fallbacks: Tally<never>;

  constructor(registry: Registry, gauges: () => StoreGauges | undefined) {
    const registers = [registry];
    this.#lag = new Distribution(registry, {
      name: 'assessment_store_hub_lag_seconds',
      help: 'Time from a change, by the clock of the database, until it reached the watches (own, bus, log, reconcile) or feeds (feed) of this instance.',
      ...{ label: 'way', buckets: shortTimes },
    });
    for (const way of [...deliveryWays, 'feed']) this.#lag.begin(way);
    this.#conflated = counted(
      registry,
      'assessment_store_hub_conflated_total',
      'Updates that a newer one has replaced before they were read.',
    );
    this.#fed = counted(
      registry,
      'assessment_store_feed_changes_total',
      'Changes that this instance has read at the end of the log for its feeds.',
    );
    this.#fallbacks = counted(
      registry,
      'assessment_store_feed_fallbacks_total',
      'Feeds that fell out of memory and went on from the database.',
    );
    this.#replayed = new Tally(registry, {
      name: 'assessment_store_replayed_total',
      help: 'Changes that readers got from the database: watches by comparing, since nobody had told them; feeds by reading the log.',
      labels: ['reader'],
    });
    for (const reader of ['watch', 'feed']) this.#replayed.add(0, reader);
    new Gauge({
      ...{
        name: 'assessment_store_hub_subscribers',
        help: 'Readers of changes: watches of one assessment, feeds, workers that wait.',
        registers,
      },
      labelNames: ['reader'],
      collect() {
        const { watches = 0, feeds = 0, workersWaiting = 0 } = gauges() ?? {};
        this.set({ reader: 'watch' }, watches);
        this.set({ reader: 'feed' }, feeds);
        this.set({ reader: 'worker' }, workersWaiting);
      },
    });
  }

  delivered(way: string, lagMs: number): void {
    // The clocks of two machines may differ by more than the way takes.
    this.#lag.observe(way, Math.max(0, lagMs) / 1_000);
    if (way === 'reconcile') this.#replayed.add(1, 'watch');
  }

  conflated(): void {
    this.#conflated.add(1);
  }

  fed(count: number, lagMs: number): void {
    this.#fed.add(count);
    this.#lag.observe('feed', Math.max(0, lagMs) / 1_000);
  }

  replayed(count: number): void {
    this.#replayed.add(count, 'feed');
  }

  fellBack(): void {
    this.#fallbacks.add(1);
  }
}

function counted(registry: Registry, name: string, help: string): Tally<never> {
  const tally = new Tally<never>(registry, { name, help, labels: [] });
  tally.add(0);
  return tally;
}
