import { builder } from './builder.ts';
import { AssessmentSource, AssessmentType } from './enums.ts';

const AssessmentOptionsInput = builder.inputType('AssessmentOptionsInput', {
  description: 'How an assessment is to be done.',
  fields: (t) => ({
    includeDetails: t.boolean({ defaultValue: true, description: 'Whether the result is to hold details.' }),
    generateReport: t.boolean({ defaultValue: false, description: 'Whether a report is to be made.' }),
    saveResults: t.boolean({ defaultValue: true, description: 'Whether the results are to be kept.' }),
    checkServerStatus: t.boolean({ defaultValue: true, description: 'Whether to check the status of the server.' }),
    validateConfig: t.boolean({ defaultValue: false, description: 'Whether to check the configuration of the server.' }),
    checkCompliance: t.boolean({ defaultValue: true, description: 'Whether to check compliance.' }),
    serverFilter: t.stringList({
      defaultValue: [],
      description: 'To which servers to limit it: at most 1000 names of at most 255 characters; empty means no limit.',
    }),
    deepScan: t.boolean({ defaultValue: false, description: 'Whether to look more closely, which takes longer.' }),
    timeout: t.int({ description: 'How long the check itself may take, in milliseconds.' }),
  }),
});

export const CreateAssessmentInput = builder.inputType('CreateAssessmentInput', {
  description: 'An assessment to create. As JSON it may have at most 1 MiB.',
  fields: (t) => ({
    assessmentId: t.string({
      description:
        "The caller's own key: 1 to 255 characters. The same key with the same request is the same assessment. Default: a new UUIDv7.",
    }),
    type: t.field({ type: AssessmentType, required: true, description: 'What kind of check it is.' }),
    source: t.field({ type: AssessmentSource, required: true, defaultValue: 'API', description: 'Which system submits it.' }),
    serverName: t.string({ description: 'The server that it is about: 1 to 255 characters.' }),
    options: t.field({ type: AssessmentOptionsInput, description: 'How it is to be done.' }),
    priority: t.int({ defaultValue: 5, description: '1 (the most urgent) to 10.' }),
    timeoutMs: t.int({ description: 'Longest time that it may spend in PROCESSING, in milliseconds; at least 1.' }),
    maxRetries: t.int({ defaultValue: 0, description: 'How often a failed attempt is tried again by itself: 0 to 1000.' }),
    timestamp: t.field({ type: 'DateTime', description: "When the caller made the request, by the caller's own clock." }),
    metadata: t.field({ type: 'JSONObject', description: 'Whatever else belongs to the request.' }),
  }),
});

const key = "The assessment, by the caller's own key.";
const expected = 'The version that it must have; with another it is refused with VersionConflictError.';
const token = 'The token of the claim that it is held with; without a claim, none.';

export const StartProcessingInput = builder.inputType('StartProcessingInput', {
  description: 'An assessment to start. No claim is made: what was started so needs no token.',
  fields: (t) => ({
    assessmentId: t.string({ required: true, description: key }),
    expectedVersion: t.int({ description: expected }),
  }),
});

export const UpdateProgressInput = builder.inputType('UpdateProgressInput', {
  description: 'How far an assessment in PROCESSING has got.',
  fields: (t) => ({
    assessmentId: t.string({ required: true, description: key }),
    progress: t.int({ required: true, description: '0 to 100, and not less than it has.' }),
    message: t.string({ description: 'What is being done; at most 10,000 characters. Left out, the last message stays.' }),
    expectedVersion: t.int({ description: expected }),
    claimToken: t.string({ description: token }),
  }),
});

export const CompleteAssessmentInput = builder.inputType('CompleteAssessmentInput', {
  description: 'The result of an assessment in PROCESSING.',
  fields: (t) => ({
    assessmentId: t.string({ required: true, description: key }),
    result: t.field({ type: 'JSONObject', required: true, description: 'What was found.' }),
    expectedVersion: t.int({ description: expected }),
    claimToken: t.string({ description: token }),
  }),
});

export const FailAssessmentInput = builder.inputType('FailAssessmentInput', {
  description: 'Why an attempt failed. Retryable and with retries left it goes back to PENDING for the next attempt, else to FAILED.',
  fields: (t) => ({
    assessmentId: t.string({ required: true, description: key }),
    error: t.string({ required: true, description: 'What went wrong: 1 to 10,000 characters.' }),
    retryable: t.boolean({ defaultValue: true, description: 'Whether another attempt makes sense.' }),
    expectedVersion: t.int({ description: expected }),
    claimToken: t.string({ description: token }),
  }),
});

export const CancelAssessmentInput = builder.inputType('CancelAssessmentInput', {
  description: 'An assessment to give up, PENDING or PROCESSING.',
  fields: (t) => ({
    assessmentId: t.string({ required: true, description: key }),
    reason: t.string({ description: 'Why, for the audit trail; at most 2,000 characters.' }),
    expectedVersion: t.int({ description: expected }),
  }),
});

export const RetryAssessmentInput = builder.inputType('RetryAssessmentInput', {
  description: 'A FAILED assessment to try again from the start.',
  fields: (t) => ({
    assessmentId: t.string({ required: true, description: key }),
    reason: t.string({ description: 'Why, for the audit trail; at most 2,000 characters.' }),
    expectedVersion: t.int({ description: expected }),
  }),
});
