import { Registry } from 'prom-client';
import type { HttpTelemetry } from '../http/telemetry.ts';
import type { QueueTotals, StoreGauges, StoreTelemetry } from '../store/index.ts';
import { DatabaseMetrics } from './database-metrics.ts';
import { DeliveryMetrics } from './delivery-metrics.ts';
import { type HttpGauges, HttpMetrics } from './http-metrics.ts';
import { LifecycleMetrics } from './lifecycle-metrics.ts';
import { type OverloadGauges, OverloadMetrics } from './overload-metrics.ts';
import { addProcessMetrics } from './process-metrics.ts';
import { QueueMetrics } from './queue-metrics.ts';

/** What is asked when somebody scrapes. */
export interface MetricsSources {
  store: { gauges: StoreGauges; queueTotals(): Promise<readonly QueueTotals[]> };
  http: () => HttpGauges;
  overload: () => OverloadGauges;
}

/**
 * The metrics of one instance, in a registry of its own. No label names a tenant, a subject or an assessment, and each has few values, all of which the service
 * itself knows: nobody can make more of them, and whoever may scrape learns nothing of a single tenant.
 *
 * What happens is counted where it happens, by `store` and `http`; how things stand is asked of the sources. A group of metrics is a class of its own, made here.
 */
export class Metrics {
  readonly contentType: string;
  readonly store: StoreTelemetry;
  readonly http: HttpTelemetry;
  readonly overload: OverloadMetrics;
  readonly #registry = new Registry();
  readonly #queues: QueueMetrics;
  #sources: MetricsSources | undefined;
  #rendering: Promise<string> | undefined;

  /** @param kinds of operations, as admission has them */
  constructor(version: string, kinds: readonly string[]) {
    const gauges = (): StoreGauges | undefined => this.#sources?.store.gauges;
    this.contentType = this.#registry.contentType;
    this.store = storeTelemetry(
      new LifecycleMetrics(this.#registry),
      new DeliveryMetrics(this.#registry, gauges),
      new DatabaseMetrics(this.#registry, gauges),
    );
    this.http = new HttpMetrics(this.#registry, () => this.#sources?.http());
    this.#queues = new QueueMetrics(this.#registry, async () => this.#sources?.store.queueTotals() ?? []);
    this.overload = new OverloadMetrics(this.#registry, kinds, () => this.#sources?.overload());
    addProcessMetrics(this.#registry, version);
  }

  /** Begins to show how these stand. */
  watch(sources: MetricsSources): void {
    this.#sources = sources;
  }

  /** All metrics as text; those who ask at the same time share it. */
  render(): Promise<string> {
    this.#rendering ??= this.#render().finally(() => {
      this.#rendering = undefined;
    });
    return this.#rendering;
  }

  async #render(): Promise<string> {
    await this.#queues.refresh();
    return this.#registry.metrics();
  }
}

const storeTelemetry = (lifecycle: LifecycleMetrics, delivery: DeliveryMetrics, database: DatabaseMetrics): StoreTelemetry => ({
  changes: (changes) => lifecycle.changes(changes),
  expired: (count) => lifecycle.expired(count),
  outcome: (command, outcome) => lifecycle.outcome(command, outcome),
  delivered: (way, lagMs) => delivery.delivered(way, lagMs),
  conflated: () => delivery.conflated(),
  fed: (count, lagMs) => delivery.fed(count, lagMs),
  replayed: (count) => delivery.replayed(count),
  fellBack: () => delivery.fellBack(),
  statement: (name, tookMs, failed) => database.statement(name, tookMs, failed),
  batch: (statement, size) => database.batch(statement, size),
  cacheRead: (level, asked, found) => database.cacheRead(level, asked, found),
});
