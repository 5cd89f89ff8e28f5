import type { AssessmentState } from '../../src/store/index.ts';

export const workTypes = ['COMPLIANCE', 'HEALTH', 'SECURITY'] as const;
export type WorkType = (typeof workTypes)[number];

/** Minutes from the beginning of the run by the clock of the model, which moves only when the run jumps. */
type Minute = number;

/** What the queue is expected to know of one assessment. Times are no whole minutes and jumps are, so that no end is ever just now. */
export interface ModelRow {
  assessmentId: string;
  type: WorkType;
  maxRetries: number;
  timeoutMinutes: number | null;
  state: AssessmentState;
  version: number;
  retryCount: number;
  progress: number;
  /** Who holds it, by which token, and until when. */
  claim: { token: string; workerId: string; ends: Minute } | null;
  startedAt: Minute | null;
  /** When a retry comes due. */
  dueAt: Minute | null;
  /** Whether a worker may claim it while it is PENDING. */
  ready: boolean;
  cancelledToken: string | null;
  /** Every token that it was ever held with, the latest last. */
  tokens: string[];
}

/** How long a retry is made to wait, in minutes: the random time that the service chose is replaced by it. */
export const retryMinutes = 12.75;

/** The rules of the queue, for one caller at a time, in memory. */
export class QueueModel {
  now: Minute = 0;
  readonly rows: ModelRow[] = [];

  row(pick: number): ModelRow {
    const row = this.rows[pick % this.rows.length];
    if (row === undefined) throw new Error('the model has no row yet');
    return row;
  }

  get tokens(): string[] {
    return this.rows.flatMap(({ tokens }) => tokens);
  }

  claimable(types: readonly WorkType[]): ModelRow[] {
    return this.rows.filter(({ state, ready, type }) => state === 'PENDING' && ready && types.includes(type));
  }

  /** Whether the token holds the row now. */
  isHeldBy({ claim }: ModelRow, token: string): boolean {
    return claim !== null && claim.token === token && claim.ends > this.now;
  }

  overdue(): ModelRow[] {
    return this.rows.filter(
      ({ state, claim, startedAt, timeoutMinutes }) =>
        state === 'PROCESSING' &&
        ((claim !== null && claim.ends < this.now) || (timeoutMinutes !== null && (startedAt ?? 0) + timeoutMinutes < this.now)),
    );
  }

  dueRetries(): ModelRow[] {
    return this.rows.filter(({ state, ready, dueAt }) => state === 'PENDING' && !ready && dueAt !== null && dueAt < this.now);
  }

  /** Why a command on the row is refused, by the code of the refusal; undefined when it is done. */
  refusal(
    row: ModelRow,
    verb: 'START' | 'CANCEL' | 'RETRY' | 'PROGRESS' | 'COMPLETE' | 'FAIL',
    { token = null, expected = null, progress = 100 }: { token?: string | null; expected?: number | null; progress?: number },
  ): string | undefined {
    if (expected !== null && expected !== row.version) return 'VERSION_CONFLICT';
    const isReport = verb === 'PROGRESS' || verb === 'COMPLETE' || verb === 'FAIL';
    if (isReport && token !== (row.claim?.token ?? null)) return 'CLAIM_LOST';
    if (isReport && row.claim !== null && row.claim.ends < this.now) return 'CLAIM_LOST';
    const from = { START: ['PENDING'], CANCEL: ['PENDING', 'PROCESSING'], RETRY: ['FAILED'] }[verb as 'START'] ?? ['PROCESSING'];
    if (!from.includes(row.state)) return 'INVALID_TRANSITION';
    return verb === 'PROGRESS' && progress < row.progress ? 'INVALID_INPUT' : undefined;
  }

  begin(row: ModelRow, claim: ModelRow['claim']): void {
    Object.assign(row, { state: 'PROCESSING', claim, startedAt: this.now, dueAt: null, version: row.version + 1 });
    if (claim !== null) row.tokens.push(claim.token);
  }

  /** The end of an attempt or of the work; PENDING is a release unless it says that it is a retry. */
  end(row: ModelRow, state: AssessmentState, retry: 'none' | 'at once' | 'later' = 'none'): void {
    const progress = state === 'COMPLETED' ? 100 : state === 'PENDING' ? 0 : row.progress;
    if (state === 'CANCELLED') row.cancelledToken = row.claim?.token ?? null;
    Object.assign(row, { state, progress, claim: null, version: row.version + 1, ready: retry !== 'later' });
    if (retry !== 'none') row.retryCount++;
    row.dueAt = retry === 'later' ? this.now + retryMinutes : null;
  }

  /** The end of an attempt that failed. */
  fail(row: ModelRow, retryable: boolean): void {
    if (retryable && row.retryCount < row.maxRetries) this.end(row, 'PENDING', 'later');
    else this.end(row, 'FAILED');
  }
}
