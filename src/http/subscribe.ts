import { createSourceEventStream, type ExecutionArgs, type ExecutionResult } from 'graphql';
import { tokenExpired } from '../auth/refusals.ts';
import type { Context } from '../context.ts';
import type { UpdateSource } from '../store/index.ts';
import { withClientErrors } from './client-errors.ts';
import { checkCost } from './cost-limit.ts';
import { checkInputNesting } from './input-nesting.ts';
import type { SharedAnswers } from './shared-answers.ts';
import { Subscription } from './subscription.ts';

/**
 * Begins a subscription, or gives what is wrong with it. Its updates come from the subscriber's own source; their answers are shared with all who
 * are answered alike. It ends with UNAUTHENTICATED when the token of its subscriber expires.
 */
export async function subscribe(args: ExecutionArgs, shared: SharedAnswers, maxCost: number): Promise<Subscription | ExecutionResult> {
  checkInputNesting(args.schema, args.document, args.variableValues ?? {});
  checkCost(args, maxCost);
  const context = args.contextValue as Context;
  const source = await createSourceEventStream(args).finally(() => context.place?.leave());
  if (!(Symbol.asyncIterator in source)) return withClientErrors(source, context);
  if (!isUpdateSource(source)) throw new Error('a subscription is no source of updates');
  const subscription = new Subscription({ source, answers: shared.join(args), place: context });
  subscription.onEnd(context.identity.whenExpired(() => subscription.fail(tokenExpired())));
  return subscription;
}

const isUpdateSource = (source: object): source is UpdateSource => 'take' in source && 'whenReady' in source;
