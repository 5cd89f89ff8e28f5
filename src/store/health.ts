import type { Bus } from './bus.ts';
import type { Database } from './database.ts';

export type HealthState = 'HEALTHY' | 'DEGRADED' | 'UNHEALTHY';

/** How one part of the service is doing. */
export interface HealthCheck {
  name: string;
  status: HealthState;
  /** How long the part took to answer, in milliseconds; null when it was not asked. */
  latencyMs: number | null;
  message: string | null;
}

export interface HealthStatus {
  /** The worst of the checks. */
  status: HealthState;
  checks: HealthCheck[];
  /** Of the service. */
  version: string;
  uptimeSeconds: number;
}

export interface HealthOptions {
  db: Database;
  bus: Bus | undefined;
  /** The migrations that are missing in the database, and those that the code does not know. */
  migrations: () => Promise<{ pending: readonly string[]; unknown: readonly string[] }>;
  version: string;
}

const patienceMs = 2_000;

/**
 * Asks each part for a sign of life; never throws, and takes at most {@link patienceMs}. Without its database the service is
 * UNHEALTHY; without the bus it is DEGRADED, since commands go on and updates come with the reconcile tick.
 *
 * However often it is called: a part that has not answered yet is not asked again. A database that hangs would otherwise soon hold all connections.
 */
export function healthReader({ db, bus, migrations, version }: HealthOptions): () => Promise<HealthStatus> {
  const askDatabase = oneAtATime(async () => {
    await db.$queryRaw`/* readHealth */ select 1`;
    return null;
  });
  const askBus = oneAtATime(async () => {
    if (bus === undefined) return 'in this process only (REDIS_URL is not set)';
    const status = await bus.check();
    if (!status.up) throw new Error(status.reason);
    return null;
  });
  const askMigrations = oneAtATime(async () => {
    const { pending, unknown } = await migrations();
    if (pending.length > 0) throw new Error(`not applied yet: ${pending.join(', ')}`);
    return unknown.length > 0 ? `the database is newer than this instance: ${unknown.join(', ')}` : null;
  });
  return async () => {
    const checks = await Promise.all([
      check('database', 'UNHEALTHY', askDatabase),
      check('bus', 'DEGRADED', askBus),
      check('migrations', 'UNHEALTHY', askMigrations),
    ]);
    const status = (['UNHEALTHY', 'DEGRADED'] as const).find((state) => checks.some((part) => part.status === state)) ?? 'HEALTHY';
    return { status, checks, version, uptimeSeconds: Math.floor(process.uptime()) };
  };
}

/** Asks, or shares the answer that is under way. */
function oneAtATime<Answer>(ask: () => Promise<Answer>): () => Promise<Answer> {
  let asking: Promise<Answer> | undefined;
  return () => {
    asking ??= ask().finally(() => {
      asking = undefined;
    });
    return asking;
  };
}

async function check(name: string, whenItFails: HealthState, ask: () => Promise<string | null>): Promise<HealthCheck> {
  const begun = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${patienceMs} ms`)), patienceMs);
  });
  try {
    const message = await Promise.race([ask(), patience]);
    return { name, status: 'HEALTHY', latencyMs: performance.now() - begun, message };
  } catch (error) {
    const [message = 'unknown'] = (error instanceof Error ? error.message : String(error)).trim().split('\n').slice(-1);
    return { name, status: whenItFails, latencyMs: performance.now() - begun, message };
  } finally {
    clearTimeout(timer);
  }
}
