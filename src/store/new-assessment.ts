import type { Actor, Assessment } from './assessment.ts';
import type { CreateOutcome, NewAssessment } from './create-assessments.ts';
import { AlreadyExistsError } from './errors.ts';
import { type CreateAssessment, checkInput, createAssessmentSchema, encodeBody } from './inputs.ts';
import { newId } from './new-id.ts';
import { requestDataOf, requestHashOf } from './request.ts';

/** The assessment, and whether this call created it (false: it was there already, from the same request). */
export interface Created {
  assessment: Assessment;
  created: boolean;
}

/** The assessment that an input asks for, as an item of a statement; its request in at most `maxBodyBytes` of JSON. @throws InvalidInputError */
export function newAssessmentOf(input: CreateAssessment, actor: Actor, maxBodyBytes: number): NewAssessment {
  const checked = checkInput(createAssessmentSchema, input);
  const id = newId();
  const requestData = requestDataOf(checked);
  return {
    id,
    tenantId: actor.tenantId,
    assessmentId: checked.assessmentId ?? id,
    type: checked.type,
    source: checked.source ?? 'API',
    serverName: checked.serverName ?? null,
    priority: checked.priority ?? 5,
    timeoutMs: checked.timeoutMs ?? null,
    maxRetries: checked.maxRetries ?? 0,
    request: encodeBody('metadata', requestData, maxBodyBytes),
    requestHash: requestHashOf(requestData),
    changedBy: actor.subject,
  };
}

/** What the caller of a creation is answered with. @throws AlreadyExistsError when the key is taken by another request */
export function judgeCreation(item: NewAssessment, outcome: Exclude<CreateOutcome, { outcome: 'GONE' }>): Created {
  const created = outcome.outcome === 'CREATED';
  if (!created && outcome.requestHash !== item.requestHash) throw new AlreadyExistsError(outcome.assessment);
  return { assessment: outcome.assessment, created };
}
