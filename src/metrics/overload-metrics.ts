import { Gauge, type Registry } from 'prom-client';
import type { BreakerState } from '../store/index.ts';
import { Tally } from './tally.ts';

/** How what guards against overload stands now. */
export interface OverloadGauges {
  breakers: readonly { name: string; state: BreakerState }[];
  admission: { places: number; working: number; waiting: number };
}

const breakerStates: readonly BreakerState[] = ['closed', 'half-open', 'open'];

/** What is kept away from servers that do not answer, and from an instance that has too much to do. */
export class OverloadMetrics {
  readonly #shed: Tally<'kind'>;

  /** @param kinds of operations, as admission has them */
  constructor(registry: Registry, kinds: readonly string[], gauges: () => OverloadGauges | undefined) {
    this.#shed = new Tally(registry, {
      name: 'assessment_store_admission_refused_total',
      help: 'Operations that were not begun since there was too much to do.',
      labels: ['kind'],
    });
    for (const kind of kinds) this.#shed.add(0, kind);
    new Gauge({
      ...{
        name: 'assessment_store_breaker_state',
        help: 'The breaker before a part: 1 for the state that it is in.',
        registers: [registry],
      },
      labelNames: ['part', 'state'],
      collect() {
        for (const { name, state } of gauges()?.breakers ?? [])
          for (const other of breakerStates) this.set({ part: name, state: other }, Number(other === state));
      },
    });
    const admission = {
      assessment_store_admission_places: ['Operations that may be worked on at a time; fewer while the event loop is late.', 'places'],
      assessment_store_admission_working: ['Operations that are worked on.', 'working'],
      assessment_store_admission_waiting: ['Operations that wait for a place.', 'waiting'],
    } as const;
    for (const [name, [help, gauge]] of Object.entries(admission)) {
      new Gauge({
        ...{ name, help, registers: [registry] },
        collect() {
          this.set(gauges()?.admission[gauge] ?? 0);
        },
      });
    }
  }

  shed(kind: string): void {
    this.#shed.add(1, kind);
  }
}
