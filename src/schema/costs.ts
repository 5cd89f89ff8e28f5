/** What a field costs beside the objects that it gives, of which each costs 1. */
export interface FieldCost {
  /** For having it at all. Default 0. */
  own?: number;
  /**
   * How many objects it gives: a list has so many, and otherwise each list that is directly in its object. Default for a list 10.
   * @param args as they were sent: unchecked
   */
  size?: (args: Readonly<Record<string, unknown>>) => number;
  /** For each of them, whether it is selected or not: what is done for it. Default 0. */
  each?: number;
}

const pageSize = 20;
const longestPage = 100;
const longestBatch = 10_000;
const longestClaim = 500;
const longestWindow = 1_440;

/** A number as it was sent, at most so many: beyond that it is refused later. */
const count = (value: unknown, otherwise: number, most: number): number =>
  typeof value === 'number' && Number.isFinite(value) ? Math.min(Math.max(value, 0), most) : otherwise;
const lengthOf = (value: unknown): number => Math.min(Array.isArray(value) ? value.length : 1, longestBatch);
const inInput = (input: unknown, name: string): unknown =>
  typeof input === 'object' && input !== null ? (input as Record<string, unknown>)[name] : undefined;

const page = {
  size: ({ first, last }: Readonly<Record<string, unknown>>) => count(first ?? last, pageSize, longestPage),
};
const entries = (name: string) => ({
  own: 100,
  each: 1,
  size: ({ input }: Readonly<Record<string, unknown>>) => lengthOf(inInput(input, name)),
});
const matching = {
  ...{ own: 100, each: 1 },
  size: ({ input }: Readonly<Record<string, unknown>>) => count(inInput(input, 'limit'), 1_000, longestBatch),
};
const command = { own: 10 };
const one = { size: () => 1 };

/**
 * What fields cost, by type and name. About 1 for each object that the answer may have in it, and for each row that is changed: some 30
 * microseconds. What makes the database count or look through a table costs what that is worth.
 */
export const fieldCosts: Readonly<Record<string, FieldCost>> = {
  'Query.node': { own: 1 },
  'Query.nodes': { size: ({ ids }) => Math.min(lengthOf(ids), longestPage) },
  'Query.assessment': { own: 1 },
  'Query.assessments': { own: 10, ...page },
  'Query.feedCursor': { own: 10 },
  'Query.waitForAssessment': { own: 100 },
  'Query.assessmentStats': { own: 1_000, size: ({ windowMinutes }) => count(windowMinutes, 60, longestWindow) },
  'Query.queueStatus': { own: 500 },
  'Query.health': { own: 100 },
  'AssessmentConnection.totalCount': { own: 500 },
  'Assessment.auditTrail': { own: 1, ...page },

  'Mutation.createAssessment': command,
  'Mutation.startProcessing': command,
  'Mutation.updateProgress': command,
  'Mutation.completeAssessment': command,
  'Mutation.failAssessment': command,
  'Mutation.cancelAssessment': command,
  'Mutation.retryAssessment': command,
  'Mutation.claimAssessments': { own: 50, size: ({ input }) => count(inInput(input, 'limit'), 1, longestClaim), each: 1 },
  'Mutation.heartbeat': entries('claimTokens'),
  'Mutation.releaseAssessments': entries('claimTokens'),
  'Mutation.batchCreateAssessments': entries('assessments'),
  'Mutation.batchUpdateProgress': entries('updates'),
  'Mutation.batchCompleteAssessments': entries('completions'),
  'Mutation.batchRetryFailedAssessments': matching,
  'Mutation.batchCancelAssessments': matching,
  'Mutation.cleanupOldAssessments': { own: 5_000 },
  // One or two, whatever was sent.
  'InvalidInputError.fields': one,

  'Subscription.assessmentUpdated': { own: 10 },
  'Subscription.assessmentFeed': { own: 100 },
};
