import { v7 } from 'uuid';
import { known } from './known-fields.ts';

/** What is to be created, with an id of its own, so that it can be repeated. Null is no source for GraphQL; for the store it is as if it was not given. */
export function withId(input: unknown): unknown {
  const request = known('CreateAssessmentInput', input);
  if (typeof request !== 'object' || request === null) return request;
  const { assessmentId, source, options } = request as Record<string, unknown>;
  return {
    ...request,
    ...{ assessmentId: assessmentId ?? v7(), source: source ?? undefined, options: known('AssessmentOptionsInput', options) },
  };
}
