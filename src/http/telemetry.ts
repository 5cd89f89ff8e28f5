import type { Excess } from './limits.ts';

/** Which operation it is: its kind, and the root field that it asks for. There are as many as the schema has root fields, whatever clients send. */
export interface OperationLabel {
  kind: 'query' | 'mutation' | 'subscription' | 'unknown';
  /** `several` where it asks for more than one, `none` where the document cannot be read. */
  field: string;
}

/** What the transports tell of their work, for those who count. */
export interface HttpTelemetry {
  /** An operation was answered, or a subscription has begun; OK, or the code of its first error. */
  operation(label: OperationLabel, outcome: string, tookMs: number): void;
  /** Something was refused since there was as much of it as may be. */
  refused(what: 'socket' | 'operation', limit: Excess['scope']): void;
  /** The service has closed a socket. */
  socketClosed(code: number): void;
}

/** Tells nobody. */
export const noHttpTelemetry: HttpTelemetry = { operation: () => {}, refused: () => {}, socketClosed: () => {} };

/** An operation that is to be followed. */
export interface TracedOperation extends OperationLabel {
  /** As its client calls it. */
  name: string | undefined;
  requestId: string;
  /** W3C trace context: the span of the client's that it belongs to. */
  traceparent: string | undefined;
}

/** Follows operations to what they do. */
export interface OperationTracer {
  /** Runs the operation, and tells how it ended. */
  operation<Result>(operation: TracedOperation, run: () => Promise<Result>, outcomeOf: (result: Result) => string): Promise<Result>;
}
