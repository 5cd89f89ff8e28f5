import type { Assessment, AssessmentData, AssessmentKey, AssessmentWithData } from './assessment.ts';
import { assessmentColumns } from './columns.ts';
import type { Database } from './database.ts';

/** The assessments with these keys as they are now, in one statement, in no particular order; unknown ones are left out. */
export const readByKeys = (db: Database, keys: readonly AssessmentKey[]): Promise<Assessment[]> =>
  db.$queryRaw`/* readByKeys */
    select ${assessmentColumns.s} from assessment_states s
    join unnest(${keys.map((key) => key.tenantId)}::text[], ${keys.map((key) => key.assessmentId)}::text[]) as k (tenant_id, assessment_id)
      using (tenant_id, assessment_id)`;

/** One assessment with its bodies, in one statement: all of the same version. */
export const readWithData = (db: Database, { tenantId, assessmentId }: AssessmentKey): Promise<AssessmentWithData[]> =>
  db.$queryRaw`/* readWithData */
    select ${assessmentColumns.s}, s.request_data as "requestData", s.result_data as "resultData" from assessment_states s
    where s.tenant_id = ${tenantId} and s.assessment_id = ${assessmentId}`;

/** The assessments of a tenant with these ids (UUIDs), in one statement, in no particular order; unknown ones are left out. */
export const readByIds = (db: Database, tenantId: string, ids: readonly string[]): Promise<Assessment[]> =>
  db.$queryRaw`/* readByIds */
    select ${assessmentColumns.s} from assessment_states s where s.tenant_id = ${tenantId} and s.id = any(${[...ids]}::uuid[])`;

/** The requests of these assessments (UUIDs) of a tenant. A request never changes. */
export const readRequests = (
  db: Database,
  tenantId: string,
  ids: readonly string[],
): Promise<({ id: string } & Pick<AssessmentData, 'requestData'>)[]> =>
  db.$queryRaw`/* readRequests */
    select s.id, s.request_data as "requestData" from assessment_states s where s.tenant_id = ${tenantId} and s.id = any(${[...ids]}::uuid[])`;

/** The results of these assessments (UUIDs) of a tenant. */
export const readResults = (
  db: Database,
  tenantId: string,
  ids: readonly string[],
): Promise<({ id: string } & Pick<AssessmentData, 'resultData'>)[]> =>
  db.$queryRaw`/* readResults */
    select s.id, s.result_data as "resultData" from assessment_states s where s.tenant_id = ${tenantId} and s.id = any(${[...ids]}::uuid[])`;
