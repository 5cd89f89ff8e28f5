import type { Context } from '../context.ts';
import { type AssessmentUpdate, updateCursor as cursorOf, type FeedAssessments, type WatchAssessment } from '../store/index.ts';

export const assessmentUpdated = (_: unknown, args: WatchAssessment, { store, actor, lastEventId }: Context) =>
  store.watchAssessment(lastEventId === undefined ? args : { ...args, afterVersion: Number(lastEventId) }, actor);

export const assessmentFeed = (_: unknown, args: FeedAssessments, { store, actor, lastEventId, place }: Context) => {
  place?.rest(); // it may read long before something matches, at the pace that the store sets for all replays
  return store.feedAssessments(lastEventId === undefined ? args : { ...args, after: lastEventId }, actor);
};

export const updateCursor = (update: AssessmentUpdate) => cursorOf(update);
