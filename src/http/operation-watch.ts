import { type ExecutionArgs, type ExecutionResult, GraphQLError, getOperationAST } from 'graphql';
import type { Context } from '../context.ts';
import { operationLabel } from './operation-label.ts';
import { type HttpTelemetry, noHttpTelemetry, type OperationTracer } from './telemetry.ts';

export interface OperationWatchOptions {
  telemetry?: HttpTelemetry | undefined;
  tracer?: OperationTracer | undefined;
}

/** Watches the operations of all transports: how each ended and how long that took, and, where somebody follows them, what they do. */
export class OperationWatch {
  readonly #telemetry: HttpTelemetry;
  readonly #tracer: OperationTracer | undefined;

  constructor({ telemetry = noHttpTelemetry, tracer }: OperationWatchOptions = {}) {
    this.#telemetry = telemetry;
    this.#tracer = tracer;
  }

  /** Runs an operation, or begins a subscription; its errors have to be as clients see them. */
  async run<Result extends object>(args: ExecutionArgs, work: () => Promise<Result>): Promise<Result> {
    const began = performance.now();
    let outcome = 'INTERNAL';
    try {
      const result = await (this.#tracer === undefined ? work() : this.#traced(this.#tracer, args, work));
      outcome = outcomeOf(result);
      return result;
    } catch (error) {
      outcome = codeOf(error);
      throw error;
    } finally {
      // A client that went away is no fault of the service.
      if (outcome === 'INTERNAL' && (args.contextValue as Context).signal.aborted) outcome = 'ABORTED';
      this.#telemetry.operation(operationLabel(args.document, args.operationName), outcome, performance.now() - began);
    }
  }

  /** Checks an operation before it runs; one that is refused has ended. */
  checked<Result>(args: ExecutionArgs, check: () => Result): Result {
    try {
      return check();
    } catch (error) {
      this.#telemetry.operation(operationLabel(args.document, args.operationName), codeOf(error), 0);
      throw error;
    }
  }

  /** Something is answered: where that is a refusal of the document, nobody knows what it has asked for. */
  answered(result: object): void {
    const outcome = outcomeOf(result);
    if (documentCodes.has(outcome)) this.#telemetry.operation({ kind: 'unknown', field: 'none' }, outcome, 0);
  }

  #traced<Result extends object>(tracer: OperationTracer, args: ExecutionArgs, work: () => Promise<Result>): Promise<Result> {
    const { requestId, traceparent } = args.contextValue as Context;
    const label = operationLabel(args.document, args.operationName);
    const name = getOperationAST(args.document, args.operationName)?.name?.value;
    return tracer.operation({ ...label, name, requestId, traceparent }, work, outcomeOf);
  }
}

/** What a document is refused with before it is known what it asks for. */
const documentCodes = new Set(['GRAPHQL_PARSE_FAILED', 'GRAPHQL_VALIDATION_FAILED', 'OPERATION_RESOLUTION_FAILURE']);

const outcomeOf = (result: object): string => {
  const [error] = (result as ExecutionResult).errors ?? [];
  return error === undefined ? 'OK' : codeOf(error);
};

function codeOf(error: unknown): string {
  const code = error instanceof GraphQLError ? error.extensions['code'] : undefined;
  return typeof code === 'string' ? code : 'INTERNAL';
}
