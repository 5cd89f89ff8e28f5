import { inject } from 'vitest';
import { isRedisMissing } from './own-redis.ts';

/** Whether there is no redis-server that a test may start for itself and break. */
export const noOwnRedis = inject('redisUrl') === '' || isRedisMissing();
