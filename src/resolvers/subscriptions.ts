import type { Context } from '../context.ts';
import { type AssessmentUpdate, updateCursor as cursorOf, type FeedAssessments, type WatchAssessment } from '../store/index.ts';

export const assessmentUpdated = (_: unknown, args: WatchAssessment, { store, actor }: Context) => store.watchAssessment(args, actor);

export const assessmentFeed = (_: unknown, args: FeedAssessments, { store, actor }: Context) => store.feedAssessments(args, actor);

export const updateCursor = (update: AssessmentUpdate) => cursorOf(update);
