import { type ExecutionArgs, type ExecutionResult, GraphQLError } from 'graphql';
import { operationCost } from './operation-cost.ts';

/** What an operation costs, and the most that one may. */
export interface Cost {
  requested: number;
  maximum: number;
}

/** The cost of an operation of a valid document. @throws GraphQLError (GRAPHQL_VALIDATION_FAILED) when it is too high */
export function checkCost({ schema, document, operationName, variableValues }: ExecutionArgs, maximum: number): Cost {
  const cost: Cost = { requested: Math.ceil(operationCost(schema, document, operationName, variableValues ?? {})), maximum };
  if (cost.requested <= maximum) return cost;
  throw new GraphQLError(`The operation would cost up to ${cost.requested}, and may cost ${maximum}. Ask for less at a time.`, {
    extensions: { code: 'GRAPHQL_VALIDATION_FAILED', limit: 'cost', cost, http: { status: 400, spec: true } },
  });
}

/** Whether somebody wants to be told what the operation costs: `extensions: { cost: true }` in the request. */
export const wantsCost = (extensions: unknown): boolean => (Object(extensions) as { cost?: unknown }).cost === true;

/** The result, with what the operation cost. */
export const withCost = (result: ExecutionResult, cost: Cost): ExecutionResult => ({
  ...result,
  extensions: { ...result.extensions, cost },
});
