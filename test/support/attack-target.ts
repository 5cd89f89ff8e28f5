import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'vitest';
import type { Config } from '../../src/config.ts';
import { eventually } from './eventually.ts';
import { openRawSocket } from './raw-socket.ts';
import { startTestApp, type TestApp } from './test-app.ts';
import { actor } from './test-store.ts';

/** What caches and noise may take, in bytes: far less than any of the attacks sends. */
const noiseBytes = 60_000_000;

/** A service that is attacked. */
export interface AttackTarget extends TestApp {
  /**
   * After an attack: it answers a normal request, over HTTP and over a socket, has logged no fault, keeps nothing open, and its memory is
   * what it was.
   */
  expectUnharmed(): Promise<void>;
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Starts a service with one assessment, `there`, and a development log; it stops with `stop()`. */
export async function startAttackTarget(config: Partial<Config> = {}): Promise<AttackTarget> {
  const service = await startTestApp(config);
  await service.app.store.createAssessment({ assessmentId: 'there', type: 'HEALTH' }, actor);
  await answersNormally(service);
  const before = bytesInUse(service);
  return {
    ...service,
    expectUnharmed: async () => {
      await answersNormally(service);
      expect(faultsIn(service)).toEqual([]);
      await eventually('nothing is left open', () => service.app.store.watching === 0 && service.app.store.feeding === 0);
      await eventually('the memory is what it was', () => bytesInUse(service) - before < noiseBytes, 30_000);
    },
  };
}

async function answersNormally(service: TestApp): Promise<void> {
  const query = '{ assessment(assessmentId: "there") { state } }';
  const answer = { assessment: { state: 'PENDING' } };
  expect((await service.send(query)).data).toEqual(answer);
  const raw = await openRawSocket(service.url);
  raw.subscribe('1', query);
  expect((await raw.received('1', 'next')).payload).toEqual({ data: answer });
  raw.socket.close();
  await raw.closed;
}

const faultsIn = ({ logged }: TestApp): unknown[] =>
  logged.filter((line) => /"level":[56]0/.test(line.slice(0, 40))).map((line) => JSON.parse(line) as unknown);

function bytesInUse(service: TestApp): number {
  service.logged.length = 0;
  service.statements.length = 0;
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
