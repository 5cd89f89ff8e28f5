import { Gauge, type Registry } from 'prom-client';
import type { HttpTelemetry, OperationLabel } from '../http/telemetry.ts';
import { Distribution, shortTimes } from './distribution.ts';
import { Tally } from './tally.ts';

/** How the transports stand now. */
export interface HttpGauges {
  sockets: number;
  /** Open subscriptions, over sockets and event streams. */
  subscriptions: number;
  /** Operations under way, requests over HTTP among them. */
  operations: number;
}

/** What clients ask for, and what they are refused. */
export class HttpMetrics implements HttpTelemetry {
  readonly #operations: Tally<'kind' | 'operation' | 'outcome'>;
  readonly #times: Distribution;
  readonly #refused: Tally<'what' | 'limit'>;
  readonly #closed: Tally<'code'>;

  constructor(registry: Registry, gauges: () => HttpGauges | undefined) {
    this.#operations = new Tally(registry, {
      name: 'assessment_store_operations_total',
      help: 'GraphQL operations by root field and outcome: OK (refusals as data too), or the code of the first error.',
      labels: ['kind', 'operation', 'outcome'],
    });
    this.#times = new Distribution(registry, {
      name: 'assessment_store_operation_seconds',
      help: 'Time of GraphQL operations by root field; of subscriptions until they have begun.',
      ...{ label: 'operation', buckets: shortTimes },
    });
    this.#refused = new Tally(registry, {
      name: 'assessment_store_limits_refused_total',
      help: 'Sockets and operations that were refused since there were as many as may be.',
      labels: ['what', 'limit'],
    });
    for (const limit of ['process', 'subject']) this.#refused.add(0, 'socket', limit);
    for (const limit of ['process', 'subject', 'socket']) this.#refused.add(0, 'operation', limit);
    this.#closed = new Tally(registry, {
      name: 'assessment_store_sockets_closed_total',
      help: 'Sockets that the service has closed, by the close code.',
      labels: ['code'],
    });
    const open = {
      assessment_store_sockets: ['Open WebSockets.', 'sockets'],
      assessment_store_subscriptions: ['Open subscriptions, over WebSockets and event streams.', 'subscriptions'],
      assessment_store_operations_open: ['Operations under way, subscriptions and requests over HTTP among them.', 'operations'],
    } as const;
    for (const [name, [help, gauge]] of Object.entries(open)) {
      new Gauge({
        ...{ name, help, registers: [registry] },
        collect() {
          this.set(gauges()?.[gauge] ?? 0);
        },
      });
    }
  }

  operation({ kind, field }: OperationLabel, outcome: string, tookMs: number): void {
    this.#operations.add(1, kind, field, outcome);
    this.#times.observe(field, tookMs / 1_000);
  }

  refused(what: string, limit: string): void {
    this.#refused.add(1, what, limit);
  }

  socketClosed(code: number): void {
    this.#closed.add(1, String(code));
  }
}
