import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { noOwnRedis } from '../support/no-own-redis.ts';
import { type OwnRedis, startOwnRedis } from '../support/own-redis.ts';
import { actor, startTestStore } from '../support/test-store.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
/** What is really held, in MB. */
const heldMb = (): number => {
  collectGarbage();
  return process.memoryUsage().heapUsed / 1e6;
};

let redis: OwnRedis;
afterEach(() => redis.kill());

describe.skipIf(noOwnRedis)('a Redis that hangs', () => {
  test('holds up no command, costs bounded memory, and is back in use when it goes on', async () => {
    redis = await startOwnRedis();
    const tested = await startTestStore({ redisUrl: redis.url });
    const logged = (message: RegExp) => tested.log.lines.some((line) => message.test(line.message));
    const isUp = async () => (await tested.store.getHealthStatus()).status === 'HEALTHY';
    await eventually('the bus is up', isUp);
    redis.signal('SIGSTOP');

    const held: number[] = [];
    const message = 'm'.repeat(9_000);
    const work = async (id: string) => {
      await tested.store.createAssessment({ assessmentId: id, type: 'HEALTH' }, actor);
      await tested.store.startProcessing({ assessmentId: id }, actor);
      await tested.store.updateProgress({ assessmentId: id, progress: 1, message }, actor);
      await tested.store.completeAssessment({ assessmentId: id, result: {} }, actor);
    };
    const until = performance.now() + 9_000;
    for (let round = 0; performance.now() < until; round++) {
      const begun = performance.now();
      await Promise.all(Array.from({ length: 100 }, (_, n) => work(`${round}-${n}`)));
      expect(performance.now() - begun).toBeLessThan(3_000);
      held.push(heldMb());
    }
    expect(Math.max(...held) - (held[0] ?? 0)).toBeLessThan(150);
    expect(logged(/^Redis is away/)).toBe(true);

    redis.signal('SIGCONT');
    await eventually('the log says that Redis is back', () => logged(/^Redis is back/));
    await eventually('the bus is up again', isUp);
    await tested.stop();
  });
});
