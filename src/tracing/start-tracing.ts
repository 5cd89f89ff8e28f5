import { context, DiagLogLevel, diag } from '@opentelemetry/api';
import type { Logger } from '../store/index.ts';
import { Tracing } from './tracing.ts';

export interface TracingOptions {
  /** The collector, without the path. */
  endpoint: string;
  headers: Record<string, string> | undefined;
  serviceName: string;
  version: string;
  /** The part of the operations that is traced, 0 to 1, where the client does not say. */
  ratio: number;
  log: Logger;
}

/** How long the collector may take to answer, in milliseconds; also when the service stops. */
const patienceMs = 3_000;

/** Begins to send traces by OTLP over HTTP. Only now are the packages loaded that this needs: without traces they cost nothing. */
export async function startTracing({ endpoint, headers = {}, serviceName, version, ratio, log }: TracingOptions): Promise<Tracing> {
  const [sdk, { OTLPTraceExporter }, { resourceFromAttributes }, { parseTraceParent }, { AsyncLocalStorageContextManager }] =
    await Promise.all([
      import('@opentelemetry/sdk-trace-node'),
      import('@opentelemetry/exporter-trace-otlp-http'),
      import('@opentelemetry/resources'),
      import('@opentelemetry/core'),
      import('@opentelemetry/context-async-hooks'),
    ]);
  const say = (message: string): void => log.warn({ detail: message }, 'traces could not be sent');
  diag.setLogger(
    { error: say, warn: say, info: () => {}, debug: () => {}, verbose: () => {} },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  // Of the whole process; where a program that embeds the service has one, that stays.
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const url = `${endpoint.replace(/\/+$/, '')}/v1/traces`;
  const provider = new sdk.NodeTracerProvider({
    resource: resourceFromAttributes({ 'service.name': serviceName, 'service.version': version }),
    sampler: new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(ratio) }),
    spanProcessors: [
      new sdk.BatchSpanProcessor(new OTLPTraceExporter({ url, headers, timeoutMillis: patienceMs }), { scheduledDelayMillis: 1_000 }),
    ],
  });
  return new Tracing({
    tracer: provider.getTracer('assessment-store', version),
    parseTraceParent,
    stop: async () => {
      const gaveUp = new Promise<void>((resolve) => setTimeout(resolve, patienceMs).unref());
      await Promise.race([provider.shutdown().catch((error: unknown) => say(String(error))), gaveUp]);
    },
  });
}
