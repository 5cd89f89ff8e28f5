import type { AssessmentView, AuditEntryView } from '../store/assessments.ts';

/** A command with the version that it was to change, and what it was to leave behind. */
export type Asked = { expectedVersion: number } & (
  | { verb: 'START' }
  | { verb: 'PROGRESS'; progress: number; message: string | null | undefined }
  | { verb: 'COMPLETE'; result: unknown }
  | { verb: 'FAIL'; error: string }
  | { verb: 'CANCEL' | 'RETRY'; reason: string | null | undefined }
);

/** How the assessment is after the change that followed the expected version, and that change. */
export interface Found {
  assessment: AssessmentView;
  change: AuditEntryView;
  /** The result that it has. */
  result: unknown;
}

/**
 * Whether the change that followed the expected version is the one that was asked for, and the last. That can be told although the answer was
 * lost: a version is changed once, and the change says what it left behind. Who made it does not follow; another who asked for the
 * very same, and was quicker, leaves the same.
 */
export function wasDone(asked: Asked, { assessment, change, result }: Found): boolean {
  const follows = asked.expectedVersion + 1;
  if (assessment.version !== follows || change.versionTo !== follows) return false;
  const { oldState, newState, changeReason } = change;
  switch (asked.verb) {
    case 'START':
      return oldState === 'PENDING' && newState === 'PROCESSING' && assessment.claimedBy === null;
    case 'PROGRESS': {
      const saysSo = asked.message == null || assessment.message === asked.message;
      return oldState === 'PROCESSING' && newState === 'PROCESSING' && change.progress === asked.progress && saysSo;
    }
    case 'COMPLETE':
      return newState === 'COMPLETED' && isSameJson(result, asked.result);
    case 'FAIL':
      return oldState === 'PROCESSING' && (newState === 'FAILED' || newState === 'PENDING') && changeReason === asked.error;
    case 'CANCEL':
      return newState === 'CANCELLED' && changeReason === (asked.reason ?? null);
    case 'RETRY':
      return oldState === 'FAILED' && newState === 'PENDING' && changeReason === (asked.reason ?? null);
    default:
      return asked satisfies never;
  }
}

/** Whether two values are the same as JSON: the order of keys, and keys without a value, make no difference. */
function isSameJson(one: unknown, other: unknown): boolean {
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return one === other;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...keys].every((key) => isSameJson((one as Record<string, unknown>)[key], (other as Record<string, unknown>)[key]));
}
