/** The states of an assessment. */
export const assessmentStates = ['PENDING', 'PROCESSING', 'COMPLETED', 'FAILED', 'CANCELLED'] as const;
export type AssessmentState = (typeof assessmentStates)[number];

/**
 * The lifecycle: from each state, the states that it may be left for. The SQL function `assessment_transition_allowed` is the
 * same table in the database; a test compares the two pair by pair.
 */
export const transitions: Readonly<Record<AssessmentState, readonly AssessmentState[]>> = {
  PENDING: ['PROCESSING', 'CANCELLED'],
  PROCESSING: ['COMPLETED', 'FAILED', 'CANCELLED', 'PENDING'],
  COMPLETED: [],
  FAILED: ['PENDING'],
  CANCELLED: [],
};

/** Whether an assessment may go from one state to another. Staying where it is, is no transition. */
export const canTransition = (from: AssessmentState, to: AssessmentState): boolean => transitions[from].includes(to);

/** Whether the work has ended: COMPLETED, FAILED or CANCELLED. */
export const isTerminal = (state: AssessmentState): boolean => state === 'COMPLETED' || state === 'FAILED' || state === 'CANCELLED';

/** Whether nothing can follow: COMPLETED or CANCELLED. A FAILED assessment may be retried. */
export const isFinal = (state: AssessmentState): boolean => transitions[state].length === 0;

/** What a change was, as its subscribers see it. SNAPSHOT is no change: the state that a subscription begins with. */
export const updateKinds = [
  'SNAPSHOT',
  'CREATED',
  'STARTED',
  'PROGRESS',
  'COMPLETED',
  'FAILED',
  'CANCELLED',
  'RETRIED',
  'RELEASED',
] as const;
export type UpdateKind = (typeof updateKinds)[number];

/**
 * What kind of change led from `previous` (null: the creation) to `state`. PROCESSING to PENDING is a retry when it has a time to
 * wait for, else a release; a change that leaves the state as it was counts as progress.
 */
export function kindOfChange(previous: AssessmentState | null, state: AssessmentState, nextRetryAt: Date | null): UpdateKind {
  if (previous === null) return 'CREATED';
  if (previous === state) return 'PROGRESS';
  switch (state) {
    case 'PROCESSING':
      return 'STARTED';
    case 'PENDING':
      return previous === 'FAILED' || nextRetryAt !== null ? 'RETRIED' : 'RELEASED';
    case 'COMPLETED':
    case 'FAILED':
    case 'CANCELLED':
      return state;
    default:
      return state satisfies never;
  }
}
