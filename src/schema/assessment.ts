import * as resolvers from '../resolvers/assessment.ts';
import { type Assessment, type AssessmentOptions, isTerminal } from '../store/index.ts';
import { participants } from './access.ts';
import { AssessmentAuditConnection } from './audit-trail.ts';
import { builder } from './builder.ts';
import { AssessmentSource, AssessmentState, AssessmentType } from './enums.ts';
import { pageArgs } from './page.ts';

const AssessmentOptionsType = builder.objectRef<AssessmentOptions>('AssessmentOptions').implement({
  authScopes: participants,
  description: 'How an assessment is to be done; what the request left out has its default.',
  fields: (t) => ({
    includeDetails: t.exposeBoolean('includeDetails', { description: 'Whether the result is to hold details.' }),
    generateReport: t.exposeBoolean('generateReport', { description: 'Whether a report is to be made.' }),
    saveResults: t.exposeBoolean('saveResults', { description: 'Whether the results are to be kept.' }),
    checkServerStatus: t.exposeBoolean('checkServerStatus', { description: 'Whether the status of the server is to be checked.' }),
    validateConfig: t.exposeBoolean('validateConfig', { description: 'Whether the configuration of the server is to be checked.' }),
    checkCompliance: t.exposeBoolean('checkCompliance', { description: 'Whether compliance is to be checked.' }),
    serverFilter: t.exposeStringList('serverFilter', { description: 'To which servers it is limited; empty means no limit.' }),
    deepScan: t.exposeBoolean('deepScan', { description: 'Whether to look more closely, which takes longer.' }),
    timeout: t.exposeInt('timeout', {
      nullable: true,
      description: 'How long the check itself may take, in milliseconds; null when no limit was asked for.',
    }),
  }),
});

const AssessmentClaim = builder.objectRef<Assessment>('AssessmentClaim').implement({
  authScopes: participants,
  description: 'Who works on an assessment now, and until when. The secret token is never shown.',
  fields: (t) => ({
    workerId: t.string({ description: 'The worker, as it names itself.', resolve: ({ claimedBy }) => claimedBy ?? '' }),
    claimedAt: t.field({
      type: 'DateTime',
      description: 'When it was claimed.',
      resolve: ({ claimedAt, updatedAt }) => claimedAt ?? updatedAt,
    }),
    expiresAt: t.field({
      type: 'DateTime',
      description: 'When the lease ends unless it is renewed.',
      resolve: ({ claimExpiresAt, updatedAt }) => claimExpiresAt ?? updatedAt,
    }),
  }),
});

const durationOf = ({ startedAt, completedAt }: Assessment): number | null =>
  startedAt && completedAt ? completedAt.getTime() - startedAt.getTime() : null;

// No Prisma object: the plugin would read each row again for every plain field, and show a state newer than the change it belongs to.
export const AssessmentNode = builder.node(builder.objectRef<Assessment>('Assessment'), {
  authScopes: participants,
  description: 'One assessment of a server: submitted, worked on, ended; every change is audited.',
  id: { resolve: ({ id }) => id },
  fields: (t) => ({
    assessmentId: t.exposeString('assessmentId', { description: "The caller's own key, unique within a tenant; at most 255 characters." }),
    type: t.expose('type', { type: AssessmentType, description: 'What kind of check it is.' }),
    source: t.expose('source', { type: AssessmentSource, description: 'Which system submitted it.' }),
    serverName: t.exposeString('serverName', { nullable: true, description: 'The server that it is about.' }),
    options: t.field({ type: AssessmentOptionsType, description: 'How it is to be done.', resolve: resolvers.options }),
    state: t.expose('state', { type: AssessmentState, description: 'Where it stands in its lifecycle.' }),
    terminal: t.boolean({
      description: 'Whether the work has ended: COMPLETED, FAILED or CANCELLED.',
      resolve: ({ state }) => isTerminal(state),
    }),
    version: t.exposeInt('version', { description: 'Starts at 1 and goes up by exactly 1 with every change.' }),
    progress: t.exposeInt('progress', { description: '0 to 100; never falls while PROCESSING, begins anew with a retry.' }),
    message: t.exposeString('message', { nullable: true, description: 'What the worker last said about its progress.' }),
    priority: t.exposeInt('priority', { description: '1 (the most urgent) to 10; 5 if not given.' }),
    requestData: t.field({ type: 'JSONObject', description: 'The request exactly as it was submitted.', resolve: resolvers.requestData }),
    resultData: t.field({
      type: 'JSONObject',
      nullable: true,
      description: 'The result; set exactly in COMPLETED.',
      resolve: resolvers.resultData,
    }),
    errorMessage: t.exposeString('errorMessage', { nullable: true, description: 'Why the last attempt failed.' }),
    retryCount: t.exposeInt('retryCount', { description: 'How often it was tried again.' }),
    maxRetries: t.exposeInt('maxRetries', { description: 'How often a failed attempt is tried again by itself.' }),
    nextRetryAt: t.expose('nextRetryAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Not before when it is tried again; null when it does not wait for a retry.',
    }),
    timeoutMs: t.exposeInt('timeoutMs', { nullable: true, description: 'Longest time that it may spend in PROCESSING, in milliseconds.' }),
    claim: t.field({
      type: AssessmentClaim,
      nullable: true,
      description: 'Who works on it now; null when nobody holds it.',
      resolve: (assessment) => (assessment.claimedBy === null ? null : assessment),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was accepted.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When it last changed.' }),
    startedAt: t.expose('startedAt', { type: 'DateTime', nullable: true, description: 'When the current or last attempt began.' }),
    completedAt: t.expose('completedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it ended; set exactly in COMPLETED and FAILED.',
    }),
    durationMs: t.int({ nullable: true, description: 'From startedAt to completedAt, in milliseconds.', resolve: durationOf }),
    auditTrail: t.field({
      type: AssessmentAuditConnection,
      description: 'Every change that it went through, the oldest first.',
      args: pageArgs(t),
      resolve: resolvers.auditTrail,
    }),
  }),
});
