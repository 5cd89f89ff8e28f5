import {
  type Attributes,
  context,
  type Link,
  ROOT_CONTEXT,
  type Span,
  SpanStatusCode,
  type Context as TraceContext,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { OperationTracer, TracedOperation } from '../http/telemetry.ts';
import { type AssessmentStore, RefusalError, type StoreTracer } from '../store/index.ts';

/** Where spans go. */
export interface TraceOutlet {
  tracer: Tracer;
  /** Reads a W3C traceparent; null when it is none. */
  parseTraceParent: (text: string) => { traceId: string; spanId: string; traceFlags: number } | null;
  /** Sends what is left, and lets go of the rest. */
  stop: () => Promise<void>;
}

/** Methods of the store that answer nobody. */
const untraced = new Set(['constructor', 'loaders', 'stop', 'endWaits']);

/**
 * Follows operations: a span for each, below it one for each root field, each command of the store, and each SQL statement. Commands that share a statement meet in
 * the span of their batch, which belongs to the first of them and links to all. Spans carry names and numbers, and the text of a statement with its places
 * for values: no value that a client has sent, and no message of an error.
 */
export class Tracing implements OperationTracer, StoreTracer {
  readonly #outlet: TraceOutlet;
  /** The commands in batches, each with the span that it is part of. */
  readonly #causes = new WeakMap<object, TraceContext>();

  constructor(outlet: TraceOutlet) {
    this.#outlet = outlet;
  }

  stop(): Promise<void> {
    return this.#outlet.stop();
  }

  operation<Result>(operation: TracedOperation, run: () => Promise<Result>, outcomeOf: (result: Result) => string): Promise<Result> {
    const { kind, field, name, requestId, traceparent } = operation;
    const attributes = {
      ...{ 'graphql.operation.type': kind, 'assessment_store.root_field': field, 'assessment_store.request_id': requestId },
      ...(name !== undefined && { 'graphql.operation.name': name }),
    };
    return this.#within(this.#clientSpan(traceparent), `${kind} ${field}`, attributes, [], async (span) => {
      const result = await run();
      const outcome = outcomeOf(result);
      span.setAttribute('assessment_store.outcome', outcome);
      if (outcome === 'INTERNAL') span.setStatus({ code: SpanStatusCode.ERROR });
      return result;
    });
  }

  /** Runs the resolver of a root field, which may answer at once. */
  readonly field = <Result>(name: string, run: () => Result): Result => {
    const span = this.#outlet.tracer.startSpan(`resolve ${name}`);
    try {
      const result = context.with(trace.setSpan(context.active(), span), run);
      if (result instanceof Promise) void result.then(noop, (error: unknown) => blame(span, error)).finally(() => span.end());
      else span.end();
      return result;
    } catch (error) {
      blame(span, error);
      span.end();
      throw error;
    }
  };

  /** The store, with a span for every call. */
  store(store: AssessmentStore): AssessmentStore {
    const methods = new Map<PropertyKey, unknown>();
    return new Proxy(store, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        if (!methods.has(name)) methods.set(name, this.#method(target, String(name), value as Method));
        return methods.get(name);
      },
    });
  }

  join(item: object): void {
    if (isFollowed()) this.#causes.set(item, context.active());
  }

  batch<Result>(name: string, items: readonly object[], run: () => Promise<Result>): Promise<Result> {
    const causes = items.flatMap((item) => this.#causes.get(item) ?? []);
    const [first] = causes;
    // Not the span of whoever happened to be there when the batch was sent.
    if (first === undefined) return context.with(ROOT_CONTEXT, run);
    const attributes = { 'assessment_store.batch_size': items.length };
    return this.#within(causes.find(isSampled) ?? first, `batch ${name}`, attributes, causes.flatMap(linkTo), run);
  }

  statement<Result>(name: string, sql: string, run: () => Promise<Result>): Promise<Result> {
    if (!isFollowed()) return run();
    const attributes = { 'db.system.name': 'postgresql', 'db.operation.name': name, 'db.query.text': sql };
    return this.#within(context.active(), `sql ${name}`, attributes, [], run);
  }

  #method(target: AssessmentStore, name: string, method: Method): Method {
    if (untraced.has(name)) return method.bind(target);
    return (...given) => this.#within(context.active(), `store ${name}`, {}, [], async () => method.apply(target, given));
  }

  async #within<Result>(
    parent: TraceContext,
    name: string,
    attributes: Attributes,
    links: Link[],
    run: (span: Span) => Promise<Result>,
  ): Promise<Result> {
    const span = this.#outlet.tracer.startSpan(name, { attributes, links }, parent);
    try {
      return await context.with(trace.setSpan(parent, span), () => run(span));
    } catch (error) {
      blame(span, error);
      throw error;
    } finally {
      span.end();
    }
  }

  #clientSpan(traceparent: string | undefined): TraceContext {
    const client = traceparent === undefined ? null : this.#outlet.parseTraceParent(traceparent);
    return client === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, { ...client, isRemote: true });
  }
}

type Method = (...given: unknown[]) => unknown;

/** A refusal is an answer; anything else is a fault. Its message may hold what a client has sent. */
function blame(span: Span, error: unknown): void {
  if (error instanceof RefusalError) span.setAttribute('assessment_store.refusal', error.code);
  else span.setStatus({ code: SpanStatusCode.ERROR }).setAttribute('error.type', error instanceof Error ? error.name : 'unknown');
}

/** Whether a span is under way here. One that has ended is not: what it has set off, such as the next round of a loop, is none of its doing. */
const isFollowed = (): boolean => trace.getActiveSpan()?.isRecording() ?? false;

const isSampled = (cause: TraceContext): boolean => trace.getSpan(cause)?.isRecording() ?? false;

function linkTo(cause: TraceContext): Link[] {
  const spanContext = trace.getSpanContext(cause);
  return spanContext === undefined ? [] : [{ context: spanContext }];
}

const noop = (): void => {};
