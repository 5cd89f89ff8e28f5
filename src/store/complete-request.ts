import type { CreateAssessment } from './inputs.ts';
import { newId } from './new-id.ts';
import { defaultOptions } from './request.ts';

const defaults = { source: 'API', priority: 5, maxRetries: 0 } as const;

/** What the API leaves out where its caller does. */
const { timeout: _, ...options } = defaultOptions;

/**
 * A request as it would come from a client of the API, which names an id, and what has a default: so the request that is kept is the
 * same whoever sent it. What is null stays null. Anything but an object is for the store to refuse.
 */
export function completeRequest<Input extends CreateAssessment>(input: Input): Input {
  if (typeof input !== 'object' || input === null) return input;
  const given = withoutUndefined(input);
  return {
    ...{ ...defaults, ...given, assessmentId: input.assessmentId ?? newId(), source: input.source ?? defaults.source },
    ...(isObject(input.options) && { options: { ...options, ...withoutUndefined(input.options) } }),
  };
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null && !Array.isArray(value);

const withoutUndefined = <Fields extends object>(fields: Fields): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Fields;
