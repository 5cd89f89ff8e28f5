import type { Assessment } from './assessment.ts';
import { encodeCursor } from './cursor.ts';
import { parseJson } from './json.ts';
import { type AssessmentState, kindOfChange, type UpdateKind } from './lifecycle.ts';
import { encodePlace, type LogPlace } from './log-place.ts';

/** One change of one assessment, with the assessment as it was after it. */
export interface AssessmentUpdate {
  kind: UpdateKind;
  /** Null for the creation and for a SNAPSHOT. */
  previousState: AssessmentState | null;
  assessment: Assessment;
}

/** The update for a change that led from `previousState` (null: the creation) to the assessment as it is. */
export const updateOf = (assessment: Assessment, previousState: AssessmentState | null): AssessmentUpdate => ({
  kind: kindOfChange(previousState, assessment.state, assessment.nextRetryAt),
  previousState,
  assessment,
});

/** What a subscription begins with: the state that the assessment has now. */
export const snapshotOf = (assessment: Assessment): AssessmentUpdate => ({ kind: 'SNAPSHOT', previousState: null, assessment });

/**
 * An opaque name for an update. Of a feed: the place in the log after it, from which another feed goes on. Of one assessment: its id and
 * version.
 */
export const updateCursor = (update: AssessmentUpdate & { place?: LogPlace }): string =>
  update.place === undefined ? encodeCursor('UPDATE', [update.assessment.id, update.assessment.version]) : encodePlace(update.place);

/** Where another subscription goes on after an update: the `after` of a feed, or the `afterVersion` of one assessment. */
export const resumePoint = (update: AssessmentUpdate & { place?: LogPlace }): string =>
  update.place === undefined ? String(update.assessment.version) : encodePlace(update.place);

const dateFields = ['nextRetryAt', 'claimedAt', 'claimExpiresAt', 'createdAt', 'updatedAt', 'startedAt', 'completedAt'] as const;

/** Updates as a message for the other processes. */
export const encodeUpdates = (origin: string, updates: readonly AssessmentUpdate[]): string => JSON.stringify({ origin, updates });

/** The updates of a message, or undefined when it is none of ours, or comes from `self`. */
export function decodeUpdates(message: string, self: string): AssessmentUpdate[] | undefined {
  const decoded: unknown = parseJson(message);
  const { origin, updates } = Object(decoded) as { origin?: unknown; updates?: unknown };
  if (typeof origin !== 'string' || origin === self || !Array.isArray(updates)) return undefined;
  return updates.filter(isUpdate).map(reviveDates);
}

function isUpdate(update: unknown): update is AssessmentUpdate {
  return isAssessment(Object(update).assessment);
}

function isAssessment(value: unknown): value is Assessment {
  const { id, tenantId, assessmentId, state, version } = Object(value);
  return [id, tenantId, assessmentId, state].every((field) => typeof field === 'string') && Number.isInteger(version);
}

const reviveDates = (update: AssessmentUpdate): AssessmentUpdate => ({ ...update, assessment: reviveAssessment(update.assessment) });

/** An assessment that was kept as JSON, or undefined when the text is none. */
export function parseAssessment(text: string): Assessment | undefined {
  const assessment = parseJson(text);
  return isAssessment(assessment) ? reviveAssessment(assessment) : undefined;
}

/** An assessment that was sent as JSON, with its times as dates again. */
function reviveAssessment(sent: Assessment): Assessment {
  const assessment: Record<string, unknown> = { ...sent };
  for (const field of dateFields) {
    const value = assessment[field];
    if (typeof value === 'string') assessment[field] = new Date(value);
  }
  return assessment as unknown as Assessment;
}
