import type { AssessmentFilter, AssessmentState } from '../../src/store/index.ts';
import { endMarkPrefix } from './names.ts';

/** What a feed of a run is about; a feed shows what is or was selected, and the mark of the end. */
export type Selection =
  | { by: 'ALL' }
  | { by: 'IDS'; assessmentIds: readonly string[] }
  | { by: 'SERVER'; serverName: string }
  | { by: 'STATES'; states: readonly AssessmentState[] }
  | { by: 'NOT_PROCESSING'; serverNames: string }
  | { by: 'PROGRESS'; serverName: string; from: number; to: number }
  | { by: 'RETRIED_OR_NEW'; serverNames: string };

/** What of an assessment a selection looks at, as it is at one version. */
export interface Looked {
  assessmentId: string;
  serverName: string;
  state: AssessmentState;
  progress: number;
  retryCount: number;
}

/** The selection as a filter of the API; undefined where none is needed. */
export function whereOf(selection: Selection): AssessmentFilter | undefined {
  const filter = filterOf(selection);
  return filter && { or: [filter, { assessmentId: { startsWith: endMarkPrefix } }] };
}

function filterOf(selection: Selection): AssessmentFilter | undefined {
  switch (selection.by) {
    case 'ALL':
      return undefined;
    case 'IDS':
      return { assessmentId: { in: [...selection.assessmentIds] } };
    case 'SERVER':
      return { serverName: { eq: selection.serverName } };
    case 'STATES':
      return { state: { in: [...selection.states] } };
    case 'NOT_PROCESSING':
      return { serverName: { startsWith: selection.serverNames }, not: { state: { eq: 'PROCESSING' } } };
    case 'PROGRESS':
      return { serverName: { eq: selection.serverName }, progress: { gte: selection.from, lte: selection.to } };
    case 'RETRIED_OR_NEW':
      return {
        serverName: { contains: selection.serverNames },
        or: [{ retryCount: { gte: 1 } }, { state: { notIn: ['PROCESSING', 'COMPLETED'] } }],
      };
    default:
      return selection satisfies never;
  }
}

/** Whether an assessment is selected: what the filter says, said anew, so that a checker does not rely on what it checks. */
export function isSelected(selection: Selection, { assessmentId, serverName, state, progress, retryCount }: Looked): boolean {
  if (assessmentId.startsWith(endMarkPrefix)) return true;
  switch (selection.by) {
    case 'ALL':
      return true;
    case 'IDS':
      return selection.assessmentIds.includes(assessmentId);
    case 'SERVER':
      return serverName === selection.serverName;
    case 'STATES':
      return selection.states.includes(state);
    case 'NOT_PROCESSING':
      return serverName.startsWith(selection.serverNames) && state !== 'PROCESSING';
    case 'PROGRESS':
      return serverName === selection.serverName && progress >= selection.from && progress <= selection.to;
    case 'RETRIED_OR_NEW':
      return serverName.includes(selection.serverNames) && (retryCount > 0 || !['PROCESSING', 'COMPLETED'].includes(state));
    default:
      return selection satisfies never;
  }
}
