import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventually } from './eventually.ts';

/** A span as it was received. */
export interface ReceivedSpan {
  traceId: string;
  spanId: string;
  parentSpanId: string | undefined;
  name: string;
  attributes: Record<string, unknown>;
  links: string[];
  /** 2: error. */
  status: number;
}

/** A collector that takes traces by OTLP over HTTP, as JSON. */
export interface TraceReceiver {
  url: string;
  spans: ReceivedSpan[];
  /** The body and headers of each request. */
  requests: { path: string; headers: IncomingMessage['headers']; body: string }[];
  /** Waits for a span of this name, and gives all of its trace. */
  traceOf(name: string, matches?: (span: ReceivedSpan) => boolean): Promise<ReceivedSpan[]>;
  stop(): Promise<void>;
}

interface RawAttribute {
  key: string;
  value: Record<string, unknown>;
}
interface RawSpan extends Omit<ReceivedSpan, 'attributes' | 'links' | 'status'> {
  attributes?: RawAttribute[];
  links?: { spanId: string }[];
  status?: { code?: number };
}

export async function startTraceReceiver(): Promise<TraceReceiver> {
  const spans: ReceivedSpan[] = [];
  const requests: TraceReceiver['requests'] = [];
  const server = createServer((request, response) => {
    void read(request).then((body) => {
      requests.push({ path: request.url ?? '', headers: request.headers, body });
      spans.push(...spansOf(body));
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    ...{ spans, requests, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
    traceOf: (name, matches = () => true) =>
      eventually(`there is a span "${name}"`, () => {
        const found = spans.find((span) => span.name === name && matches(span));
        // A span is sent when it has ended, so the one above it may come later.
        const all = spans.filter(({ traceId }) => traceId === found?.traceId);
        return all.length > 0 && isWhole(all) ? all : undefined;
      }),
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function isWhole(spans: readonly ReceivedSpan[]): boolean {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  return spans.every(({ parentSpanId = clientSpan }) => parentSpanId === clientSpan || ids.has(parentSpanId));
}

/** The span of the client in `traceparent`. */
export const clientSpan = '00f067aa0ba902b7';
export const clientTrace = '4bf92f3577b34da6a3ce929d0e0e4736';
export const traceparent = `00-${clientTrace}-${clientSpan}-01`;

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function spansOf(body: string): ReceivedSpan[] {
  const { resourceSpans } = JSON.parse(body) as { resourceSpans: { scopeSpans: { spans: RawSpan[] }[] }[] };
  return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans.map(spanOf)));
}

const spanOf = ({ traceId, spanId, parentSpanId, name, attributes = [], links = [], status }: RawSpan): ReceivedSpan => ({
  ...{ traceId, spanId, parentSpanId: parentSpanId || undefined, name },
  attributes: Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]])),
  links: links.map((link) => link.spanId),
  status: status?.code ?? 0,
});
