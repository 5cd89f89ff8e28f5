/** The fields of the inputs of the API. A test holds them against its schema. */
export const inputFields = {
  CreateAssessmentInput: [
    ...['assessmentId', 'type', 'source', 'serverName', 'options', 'priority', 'timeoutMs', 'maxRetries', 'timestamp', 'metadata'],
  ],
  AssessmentOptionsInput: [
    ...['includeDetails', 'generateReport', 'saveResults', 'checkServerStatus', 'validateConfig', 'checkCompliance', 'serverFilter'],
    ...['deepScan', 'timeout'],
  ],
  StartProcessingInput: ['assessmentId', 'expectedVersion'],
  UpdateProgressInput: ['assessmentId', 'progress', 'message', 'expectedVersion', 'claimToken'],
  CompleteAssessmentInput: ['assessmentId', 'result', 'expectedVersion', 'claimToken'],
  FailAssessmentInput: ['assessmentId', 'error', 'retryable', 'expectedVersion', 'claimToken'],
  CancelAssessmentInput: ['assessmentId', 'reason', 'expectedVersion'],
  RetryAssessmentInput: ['assessmentId', 'reason', 'expectedVersion'],
  ClaimAssessmentsInput: ['workerId', 'limit', 'types', 'leaseMs', 'waitMs'],
  HeartbeatInput: ['workerId', 'claimTokens', 'leaseMs'],
  ReleaseAssessmentsInput: ['workerId', 'claimTokens', 'reason'],
  BatchRetryFailedAssessmentsInput: ['maxRetries', 'where', 'limit', 'reason'],
  BatchCancelAssessmentsInput: ['where', 'limit', 'reason'],
  CleanupOldAssessmentsInput: ['retentionDays', 'dryRun'],
} as const;

/**
 * An input without what the API does not know, which GraphQL would refuse and the store leaves aside: so a whole assessment can be given
 * where its key is wanted. Anything but an object stays as it is.
 */
export function known(type: keyof typeof inputFields, input: unknown): unknown {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return input;
  const given = input as Record<string, unknown>;
  return Object.fromEntries(inputFields[type].filter((name) => name in given).map((name) => [name, given[name]]));
}

/** The variables of a document, with what is known of its input. */
export function knownVariables(document: string, variables: Record<string, unknown>): Record<string, unknown> {
  const [, type] = /\(\$input: (\w+)!\)/.exec(document) ?? [];
  return type !== undefined && type in inputFields
    ? { ...variables, input: known(type as keyof typeof inputFields, variables['input']) }
    : variables;
}
