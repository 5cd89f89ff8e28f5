import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { afterEach, describe, expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { actor, startTestStore } from '../support/test-store.ts';

const noRedis = inject('redisUrl') === '' || spawnSync('redis-server', ['--version']).error !== undefined;
let redis: ChildProcess | undefined;
afterEach(() => {
  redis?.kill('SIGKILL');
});

async function startRedis(): Promise<string> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, 'close');
  redis = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'], { stdio: 'ignore' });
  await eventually('Redis takes connections', () => takesConnections(port));
  return `redis://127.0.0.1:${port}`;
}

const takesConnections = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });

describe.skipIf(noRedis)('a Redis that hangs', () => {
  test('holds up no command, costs bounded memory, and is back in use when it goes on', async () => {
    const tested = await startTestStore({ redisUrl: await startRedis() });
    const logged = (message: RegExp) => tested.log.lines.some((line) => message.test(line.message));
    const isUp = async () => (await tested.store.getHealthStatus()).status === 'HEALTHY';
    await eventually('the bus is up', isUp);
    redis?.kill('SIGSTOP');

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
      held.push(process.memoryUsage().heapUsed / 1e6);
    }
    expect(Math.max(...held) - (held[0] ?? 0)).toBeLessThan(150);
    expect(logged(/^Redis is away/)).toBe(true);

    redis?.kill('SIGCONT');
    await eventually('the log says that Redis is back', () => logged(/^Redis is back/));
    await eventually('the bus is up again', isUp);
    await tested.stop();
  });
});
