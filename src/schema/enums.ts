import type { ErrorCode as Code } from '../store/index.ts';
import { builder } from './builder.ts';

export const AssessmentState = builder.enumType('AssessmentState', {
  description: 'Where an assessment stands in its lifecycle.',
  values: {
    PENDING: { description: 'Accepted; waits to be processed, or to be tried again.' },
    PROCESSING: { description: 'Being worked on.' },
    COMPLETED: { description: 'Ended with a result. Final.' },
    FAILED: { description: 'Ended with an error. Terminal, but `retryAssessment` begins a new round.' },
    CANCELLED: { description: 'Given up before it ended. Final.' },
  } as const,
});

export const AssessmentType = builder.enumType('AssessmentType', {
  description: 'What kind of check an assessment is.',
  values: {
    COMPLIANCE: { description: 'Whether a server follows a set of rules.' },
    HEALTH: { description: 'Whether a server answers, how fast, and in what condition it is.' },
    SECURITY: { description: 'How a server is protected.' },
  } as const,
});

export const AssessmentSource = builder.enumType('AssessmentSource', {
  description: 'Which system submitted an assessment.',
  values: {
    INSTALLER: { description: 'An installer, while it sets a server up.' },
    COMPLIANCE: { description: 'The compliance system, by its own schedule.' },
    API: { description: 'A client of this API.' },
  } as const,
});

export const AssessmentUpdateKind = builder.enumType('AssessmentUpdateKind', {
  description: 'What a change was.',
  values: {
    SNAPSHOT: { description: 'No change: the state that a subscription begins with.' },
    CREATED: { description: 'The assessment was created.' },
    STARTED: { description: 'PENDING to PROCESSING.' },
    PROGRESS: { description: 'A change that left the state as it was, such as progress or a message.' },
    COMPLETED: { description: 'PROCESSING to COMPLETED.' },
    FAILED: { description: 'PROCESSING to FAILED.' },
    CANCELLED: { description: 'PENDING or PROCESSING to CANCELLED.' },
    RETRIED: { description: 'Back to PENDING for another attempt.' },
    RELEASED: { description: 'PROCESSING to PENDING, given back by its worker; no retry was used up.' },
  } as const,
});

export const AssessmentOrderField = builder.enumType('AssessmentOrderField', {
  description: 'By what a list of assessments is ordered.',
  values: {
    CREATED_AT: { description: 'By the time of creation.' },
    UPDATED_AT: { description: 'By the time of the last change.' },
    PRIORITY: { description: 'By priority; 1, the most urgent, comes first in ascending order.' },
    PROGRESS: { description: 'By progress.' },
  } as const,
});

export const OrderDirection = builder.enumType('OrderDirection', {
  description: 'In which direction a list is ordered.',
  values: { ASC: { description: 'The smallest or oldest first.' }, DESC: { description: 'The largest or newest first.' } } as const,
});

export const HealthState = builder.enumType('HealthState', {
  description: 'How the service, or a part of it, is doing.',
  values: {
    HEALTHY: { description: 'As it should be.' },
    DEGRADED: { description: 'It works, but slower or with less than usual.' },
    UNHEALTHY: { description: 'It does not work.' },
  } as const,
});

const errorDescriptions: Record<Code, string> = {
  INVALID_INPUT: 'The input is wrong, whatever the state of the assessment.',
  NOT_FOUND: 'There is no such assessment.',
  ALREADY_EXISTS: 'The key is taken by an assessment that was created with another request.',
  INVALID_TRANSITION: 'The lifecycle does not lead from the state it has to the one asked for.',
  VERSION_CONFLICT: 'The assessment has changed since the version that was expected.',
  CLAIM_LOST: 'The claim token is missing, stale, or not the one that the assessment is held with.',
};

export const ErrorCode = builder.enumType('ErrorCode', {
  description: 'Why a request was refused; nothing was changed.',
  values: Object.fromEntries(Object.entries(errorDescriptions).map(([code, description]) => [code, { description }])) as {
    [code in Code]: { description: string };
  },
});
