import type { Assessment } from './assessment.ts';
import { parseJson } from './json.ts';

/** That so many assessments of a type have become ready to be claimed. A hint: claims find out for themselves. */
export interface WorkNotice {
  tenantId: string;
  type: Assessment['type'];
  count: number;
}

/** What has become ready by changes that led to these assessments, counted. */
export function workIn(assessments: readonly Assessment[]): WorkNotice[] {
  const notices = new Map<string, WorkNotice>();
  for (const { tenantId, type, state, nextRetryAt } of assessments) {
    if (state !== 'PENDING' || nextRetryAt !== null) continue;
    const key = `${type}\0${tenantId}`;
    const notice = notices.get(key);
    if (notice === undefined) notices.set(key, { tenantId, type, count: 1 });
    else notice.count++;
  }
  return [...notices.values()];
}

/** Notices as a message for the other processes. */
export const encodeWork = (origin: string, work: readonly WorkNotice[]): string => JSON.stringify({ origin, work });

/** The notices of a message, or undefined when it is none of ours, or comes from `self`. */
export function decodeWork(message: string, self: string): WorkNotice[] | undefined {
  const { origin, work } = Object(parseJson(message)) as { origin?: unknown; work?: unknown };
  if (typeof origin !== 'string' || origin === self || !Array.isArray(work)) return undefined;
  return work.filter(isNotice);
}

function isNotice(value: unknown): value is WorkNotice {
  const { tenantId, type, count } = Object(value) as Partial<WorkNotice>;
  return typeof tenantId === 'string' && typeof type === 'string' && Number.isInteger(count);
}
