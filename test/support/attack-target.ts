import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'vitest';
import type { Config } from '../../src/config.ts';
import { eventually } from './eventually.ts';
import { startTestApp, type TestApp } from './test-app.ts';
import { actor } from './test-store.ts';
import { type Sent, transports } from './transports.ts';

/** What caches and noise may take, in bytes: far less than any of the attacks sends. */
const noiseBytes = 60_000_000;

/** So many connections `fetch` may keep for itself, with both their ends. */
const keptConnections = 100;

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

/**
 * Starts a service with one assessment, `there`; it stops with `stop()`.
 * @param normal a request for the state of that assessment, which the service has to answer whatever happens
 */
export async function startAttackTarget(config: Partial<Config> = {}, normal: Sent = stateOfThere): Promise<AttackTarget> {
  const service = await startTestApp(config);
  await service.app.store.createAssessment({ assessmentId: 'there', type: 'HEALTH' }, actor);
  await answersNormally(service, normal);
  const before = bytesInUse(service);
  const connectionsBefore = connections();
  return {
    ...service,
    expectUnharmed: async () => {
      await answersNormally(service, normal);
      expect(faultsIn(service)).toEqual([]);
      await eventually('nothing is left open', () => service.app.store.watching === 0 && service.app.store.feeding === 0);
      await eventually('connections are closed', () => connections() <= connectionsBefore + keptConnections, 30_000);
      await eventually('the memory is what it was', () => bytesInUse(service) - before < noiseBytes, 30_000);
    },
  };
}

const stateOfThere: Sent = { query: '{ assessment(assessmentId: "there") { state } }' };

async function answersNormally({ url }: TestApp, normal: Sent): Promise<void> {
  for (const way of ['over HTTP', 'over WebSocket'])
    expect(await transports[way]?.(url, normal)).toMatchObject({ data: { assessment: { state: 'PENDING' } } });
}

const connections = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length;

const faultsIn = ({ logged }: TestApp): unknown[] =>
  logged.filter((line) => /"level":[56]0/.test(line.slice(0, 40))).map((line) => JSON.parse(line) as unknown);

function bytesInUse(service: TestApp): number {
  service.logged.length = 0;
  service.statements.length = 0;
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
