import { type EventLoopUtilization, performance } from 'node:perf_hooks';
import { collectDefaultMetrics, Gauge, type Registry } from 'prom-client';

/** The process: memory, processor, garbage, how busy and how late its event loop is, and which version it runs. */
export function addProcessMetrics(registry: Registry, version: string): void {
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  let last: EventLoopUtilization = performance.eventLoopUtilization();
  new Gauge({
    ...{
      name: 'assessment_store_event_loop_utilization',
      help: 'Part of the time since the last scrape that the event loop was busy, 0 to 1.',
    },
    registers,
    collect() {
      const now = performance.eventLoopUtilization();
      this.set(performance.eventLoopUtilization(now, last).utilization);
      last = now;
    },
  });
  new Gauge({
    ...{ name: 'assessment_store_build_info', help: 'Always 1; which version runs, on which Node.js.', registers },
    labelNames: ['version', 'node'],
  }).set({ version, node: process.version }, 1);
}
