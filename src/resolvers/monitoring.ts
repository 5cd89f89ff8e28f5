import type { Context } from '../context.ts';
import type { StatsQuery } from '../store/index.ts';

export const assessmentStats = (_: unknown, args: StatsQuery, { store, actor }: Context) => store.getAssessmentStats(args, actor);

export const health = (_: unknown, __: unknown, { store }: Context) => store.getHealthStatus();
