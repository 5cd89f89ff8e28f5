import type { CreateAssessment } from '../../src/store/index.ts';
import { serverNameOf } from './names.ts';

/** The request for an assessment of the run; the same for the same id. */
export const createRequestOf = (assessmentId: string): CreateAssessment => ({
  assessmentId,
  type: 'HEALTH',
  serverName: serverNameOf(Number(/\d+$/.exec(assessmentId)?.[0] ?? 0)),
});
