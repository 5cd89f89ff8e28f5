import { join } from 'node:path';
import { Balancer } from '../support/balancer.ts';
import { type OwnRedis, startOwnRedis } from '../support/own-redis.ts';
import type { Cleanup } from './cleanup.ts';
import { Instance } from './instance.ts';
import { OwnPostgres } from './own-postgres.ts';

/** All that a run breaks: PostgreSQL, Redis, and two instances behind a load balancer. */
export interface Installation {
  postgres: OwnPostgres;
  redis: OwnRedis;
  instances: readonly Instance[];
  balancer: Balancer;
}

const settings = {
  NODE_ENV: 'development',
  LOG_LEVEL: 'info',
  // So short that some of the stalls are found.
  SLOW_CLIENT_MS: '8000',
  NODE_OPTIONS: '--max-semi-space-size=64',
};

/** Starts everything; what has been started is stopped by `cleanup`, also when something else could not be. */
export async function startInstallation(folder: string, cleanup: Cleanup): Promise<Installation> {
  const postgres = await OwnPostgres.start(folder);
  cleanup.before(() => postgres.stop());
  const redis = await startOwnRedis();
  cleanup.before(() => redis.kill());
  const instances: Instance[] = [];
  for (const name of ['instance-0', 'instance-1']) {
    const instance = await Instance.start({ ...settings, DATABASE_URL: postgres.url, REDIS_URL: redis.url }, join(folder, `${name}.log`));
    cleanup.before(() => instance.stop());
    instances.push(instance);
  }
  const balancer = await Balancer.before(instances.map(({ url }) => url));
  cleanup.before(() => balancer.stop());
  return { postgres, redis, instances, balancer };
}
