import { setTimeout as sleep } from 'node:timers/promises';
import type { Dice } from './dice.ts';
import type { Installation } from './installation.ts';

/** What breaks, when, and how long it stays away; in milliseconds. */
export interface Fault {
  what: 'REDIS' | 'INSTANCE_0' | 'INSTANCE_1' | 'POSTGRES';
  atMs: number;
  awayMs: number;
}

/** What happened, in milliseconds from the start of the updates. */
export interface Outage {
  what: string;
  brokenAtMs: number;
  backAtMs: number;
}

const first = 0.12;
const last = 0.88;

/** Redis twice, one of the instances and PostgreSQL once, in any order, each at some moment of its own part of the run. */
export function planFaults(dice: Dice, runMs: number): Fault[] {
  const order = dice.shuffled<Fault['what']>(['REDIS', 'REDIS', dice.pick(['INSTANCE_0', 'INSTANCE_1']), 'POSTGRES']);
  const partMs = (runMs * (last - first)) / order.length;
  return order.map((what, index) => {
    const atMs = runMs * first + partMs * (index + dice.between(0, 0.6));
    return { what, atMs, awayMs: dice.between(100, Math.min(3_000, partMs * 0.3)) };
  });
}

/** Carries out a plan; each fault is over before the next begins. Tells of each when it is over. */
export async function carryOut(plan: readonly Fault[], installation: Installation, tell: (outage: Outage) => void): Promise<Outage[]> {
  const start = performance.now();
  const now = (): number => performance.now() - start;
  const outages: Outage[] = [];
  for (const { what, atMs, awayMs } of plan) {
    await sleep(Math.max(0, atMs - now()));
    const brokenAtMs = now();
    const mend = await breakDown(what, installation);
    await sleep(awayMs);
    await mend();
    const outage = { what, brokenAtMs, backAtMs: now() };
    outages.push(outage);
    tell(outage);
  }
  return outages;
}

/** Breaks something; gives what brings it back. */
async function breakDown(what: Fault['what'], { redis, postgres, instances }: Installation): Promise<() => Promise<void>> {
  switch (what) {
    case 'REDIS':
      await redis.kill();
      return () => redis.start();
    case 'POSTGRES':
      await postgres.crash();
      return () => postgres.startAgain();
    case 'INSTANCE_0':
    case 'INSTANCE_1': {
      const instance = instances[what === 'INSTANCE_0' ? 0 : 1];
      await instance?.kill();
      return async () => instance?.start();
    }
    default:
      return what satisfies never;
  }
}
