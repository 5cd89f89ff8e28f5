import { type AnswerError, errorOf, unreachable } from './api-error.ts';

/** What a subscription ends with: the errors of the service, or that the socket broke off and could not be opened again. */
export function socketError(error: unknown, asked: { assessmentId: string }): Error {
  const [first] = Array.isArray(error) ? (error as AnswerError[]) : [];
  return first === undefined ? unreachable('the other end of the socket', error) : errorOf(first, asked);
}
