import { v7 } from 'uuid';
import type { CreateAssessment } from '../store/index.ts';

/** What is to be created, with an id of its own, so that it can be repeated. Null is no source for GraphQL; for the store it is as if it was not given. */
export function withId<Input>(input: Input): Input {
  if (typeof input !== 'object' || input === null) return input;
  const { assessmentId, source } = input as Partial<CreateAssessment>;
  return { ...input, assessmentId: assessmentId ?? v7(), source: source ?? undefined };
}
