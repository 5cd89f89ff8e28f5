import type { AssessmentView } from '../store/assessments.ts';
import { ClaimLostError, InvalidTransitionError, VersionConflictError } from '../store/errors.ts';
import type { Calls } from './calls.ts';
import * as decode from './decode.ts';
import * as documents from './documents.ts';
import { type Asked, wasDone } from './was-done.ts';

/** A change, yet without the version that it was to follow. */
export type Change = Asked extends infer One ? (One extends Asked ? Omit<One, 'expectedVersion'> : never) : never;
export type CommandInput = { assessmentId: string; expectedVersion?: number | null | undefined };

export interface Command<Input> {
  document: string;
  input: Input;
  /** What the input asks for, to be looked for where the answer was lost. */
  changeBy: (input: Input) => Change;
  timeoutMs: number;
  signal: AbortSignal;
}

/** To look for a change takes a moment, also when the time of the command is over. */
const leastMs = 1_000;

/**
 * A command on one assessment. With the version that it is to change it is repeated until it is answered; where the change that it then
 * meets is its own, whose answer was lost, that is the answer.
 */
export async function runCommand<Input extends CommandInput>(calls: Calls, command: Command<Input>): Promise<AssessmentView> {
  const { document, input, changeBy, timeoutMs, signal } = command;
  const { assessmentId, expectedVersion } = Object(input) as Partial<CommandInput>;
  const deadline = performance.now() + timeoutMs;
  let isLost = false;
  const onLost = (): void => {
    isLost = true;
  };
  const repeat = typeof expectedVersion === 'number' ? 'ALWAYS' : 'IF_UNTOUCHED';
  const decoded = (sent: decode.SentChange) => decode.accepted(decode.changeOf(sent));
  try {
    return await calls.do({ document, variables: { input }, repeat, decode: decoded, timeoutMs, signal, onLost });
  } catch (error) {
    if (!isLost || !isOvertaken(error) || typeof assessmentId !== 'string' || typeof expectedVersion !== 'number') throw error;
    const found = await calls.do({
      ...{ document: documents.readChange, variables: { assessmentId }, repeat: 'ALWAYS', decode: decode.lastChangeOf, signal },
      timeoutMs: Math.max(leastMs, Math.ceil(deadline - performance.now())),
    });
    if (found === undefined || !wasDone({ ...changeBy(input), expectedVersion }, found)) throw error;
    return found.assessment;
  }
}

/** A refusal that the change itself would cause when it is asked for again. */
const isOvertaken = (error: unknown): boolean =>
  error instanceof VersionConflictError || error instanceof InvalidTransitionError || error instanceof ClaimLostError;
