import * as resolvers from '../resolvers/monitoring.ts';
import type { HealthCheck as Check, AssessmentStats as Stats, StatsBucket, HealthStatus as Status } from '../store/index.ts';
import { readers } from './access.ts';
import { builder } from './builder.ts';
import { AssessmentType, HealthState } from './enums.ts';

const AssessmentStatsBucket = builder.objectRef<StatsBucket>('AssessmentStatsBucket').implement({
  authScopes: readers,
  description: 'One minute of the window.',
  fields: (t) => ({
    at: t.expose('at', { type: 'DateTime', description: 'When the minute begins.' }),
    created: t.exposeInt('created', { description: 'How many were created.' }),
    completed: t.exposeInt('completed', { description: 'How many completed.' }),
    failed: t.exposeInt('failed', { description: 'How many failed.' }),
    cancelled: t.exposeInt('cancelled', { description: 'How many were cancelled.' }),
    averageProcessingTimeMs: t.exposeFloat('averageProcessingTimeMs', {
      nullable: true,
      description: 'Average time from start to end of those that ended, in milliseconds.',
    }),
  }),
});

const AssessmentStats = builder.objectRef<Stats>('AssessmentStats').implement({
  authScopes: readers,
  description: 'Counts, times and rates of assessments.',
  fields: (t) => ({
    total: t.exposeInt('total', { description: 'All assessments.' }),
    active: t.exposeInt('active', { description: 'Pending and processing.' }),
    pending: t.exposeInt('pending', { description: 'PENDING now.' }),
    processing: t.exposeInt('processing', { description: 'PROCESSING now.' }),
    completed: t.exposeInt('completed', { description: 'COMPLETED in all.' }),
    failed: t.exposeInt('failed', { description: 'FAILED in all.' }),
    cancelled: t.exposeInt('cancelled', { description: 'CANCELLED in all.' }),
    averageProcessingTimeMs: t.exposeFloat('averageProcessingTimeMs', {
      nullable: true,
      description: 'Average time from start to end in the window, in milliseconds.',
    }),
    p50ProcessingTimeMs: t.exposeFloat('p50ProcessingTimeMs', {
      nullable: true,
      description: 'Median time from start to end in the window, in milliseconds.',
    }),
    p95ProcessingTimeMs: t.exposeFloat('p95ProcessingTimeMs', {
      nullable: true,
      description: '95 of 100 in the window took at most this, in milliseconds.',
    }),
    p99ProcessingTimeMs: t.exposeFloat('p99ProcessingTimeMs', {
      nullable: true,
      description: '99 of 100 in the window took at most this, in milliseconds.',
    }),
    throughputPerMinute: t.exposeFloat('throughputPerMinute', {
      description: 'How many reached a terminal state in the window, per minute.',
    }),
    errorRate: t.exposeFloat('errorRate', { description: 'failed / (completed + failed) in the window, 0 to 1; 0 when none ended.' }),
    oldestPendingAgeMs: t.exposeInt('oldestPendingAgeMs', {
      nullable: true,
      description: 'How long the oldest PENDING one has been waiting, in milliseconds.',
    }),
    series: t.expose('series', {
      type: [AssessmentStatsBucket],
      description: 'One bucket a minute over the window, the oldest first; for charts.',
    }),
  }),
});

const HealthCheck = builder.objectRef<Check>('HealthCheck').implement({
  authScopes: readers,
  description: 'How one part of the service is doing.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'The part: database, bus or migrations.' }),
    status: t.expose('status', { type: HealthState, description: 'How it is doing.' }),
    latencyMs: t.exposeFloat('latencyMs', { nullable: true, description: 'How long it took to answer, in milliseconds.' }),
    message: t.exposeString('message', { nullable: true, description: 'What is the matter, where there is something to say.' }),
  }),
});

const HealthStatus = builder.objectRef<Status>('HealthStatus').implement({
  authScopes: readers,
  description: 'How the service is doing.',
  fields: (t) => ({
    status: t.expose('status', { type: HealthState, description: 'The worst of its parts.' }),
    checks: t.expose('checks', { type: [HealthCheck], description: 'Its parts.' }),
    version: t.exposeString('version', { description: 'The version of the service.' }),
    uptimeSeconds: t.exposeInt('uptimeSeconds', { description: 'How long this instance has been running, in seconds.' }),
  }),
});

builder.queryFields((t) => ({
  assessmentStats: t.field({
    authScopes: readers,
    type: AssessmentStats,
    description: 'Counts of all assessments, and times and rates of those that ended in the window.',
    args: {
      windowMinutes: t.arg.int({ defaultValue: 60, description: 'How far back times, rates and series reach, in minutes: 1 to 1440.' }),
      type: t.arg({ type: AssessmentType, description: 'Only of this type.' }),
      serverName: t.arg.string({ description: 'Only of this server.' }),
    },
    resolve: resolvers.assessmentStats,
  }),
  health: t.field({
    authScopes: readers,
    type: HealthStatus,
    description: 'How the service and its parts are doing.',
    resolve: resolvers.health,
  }),
}));
