import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { AssessmentClient } from '../../src/client/assessment-client.ts';
import { type FeedUpdateView, UnavailableError, type UpdateView } from '../../src/store/index.ts';
import { eventually } from '../support/eventually.ts';
import { refusalOf } from '../support/outcomes.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { type ClientBench, startClientBench } from './client-bench.ts';

let bench: ClientBench;
let direct: AssessmentClient;
beforeAll(async () => {
  bench = await startClientBench();
});
beforeEach(() => {
  direct = bench.direct();
});
afterEach(async () => {
  await bench.rest();
  await bench.proxy.restore();
  await eventually('nothing is open', () => bench.open() === 0);
});
afterAll(() => bench.stop());

const create = async (): Promise<string> => (await direct.createAssessment({ type: 'HEALTH' })).assessment.assessmentId;
const isOpen = (count: number): Promise<unknown> => eventually(`${count} are open`, () => bench.open() === count);

/** Reads to the end, and tells of every update as it comes. */
function following<Update>(updates: AsyncIterable<Update>): { seen: Update[]; end: Promise<void> } {
  const seen: Update[] = [];
  const end = (async () => {
    for await (const update of updates) seen.push(update);
  })();
  end.catch(() => {});
  return { seen, end };
}

describe('a watch', () => {
  test('whose connection is cut goes on where it was, and gets the end', async () => {
    const assessmentId = await create();
    const { seen, end } = following<UpdateView>(bench.remote().watch(assessmentId));
    await eventually('the first is there', () => seen.length === 1);
    await direct.startProcessing({ assessmentId });
    await eventually('the second is there', () => seen.length === 2);
    await bench.proxy.cut();
    await direct.updateProgress({ assessmentId, progress: 10 });
    await bench.proxy.restore();
    await eventually('the third is there', () => seen.length === 3);
    await bench.proxy.cut();
    await bench.proxy.restore();
    await direct.completeAssessment({ assessmentId, result: {} });
    await end;
    expect(seen.map(({ assessment }) => assessment.version)).toEqual([1, 2, 3, 4]);
    expect(seen.at(-1)?.assessment.state).toBe('COMPLETED');
  });

  test('gets the end also when that comes while the connection is away', async () => {
    const assessmentId = await create();
    const { seen, end } = following<UpdateView>(bench.remote().watch(assessmentId));
    await eventually('the first is there', () => seen.length === 1);
    await bench.proxy.cut();
    await direct.cancelAssessment({ assessmentId });
    await bench.proxy.restore();
    await end;
    expect(seen.map(({ assessment }) => `${assessment.version} ${assessment.state}`)).toEqual(['1 PENDING', '2 CANCELLED']);
  });

  test('gets a FAILED that was tried again meanwhile', async () => {
    const assessmentId = await create();
    await direct.startProcessing({ assessmentId });
    const { seen, end } = following<UpdateView>(bench.remote().watch(assessmentId));
    await eventually('the first is there', () => seen.length === 1);
    await bench.proxy.cut();
    await direct.failAssessment({ assessmentId, error: 'no' });
    await direct.retryAssessment({ assessmentId });
    await bench.proxy.restore();
    await end;
    expect(seen.map(({ assessment }) => `${assessment.version} ${assessment.state}`)).toEqual(['2 PROCESSING', '3 FAILED']);
  });

  test('notices that the network has gone silent, and goes on when it is back', async () => {
    const assessmentId = await create();
    const { seen, end } = following<UpdateView>(bench.remote({ keepAliveMs: 100, connectTimeoutMs: 300 }).watch(assessmentId));
    await eventually('the first is there', () => seen.length === 1);
    bench.proxy.fallSilent();
    await direct.cancelAssessment({ assessmentId });
    await isOpen(0);
    await eventually('another connection is tried', () => bench.proxy.connections > 1);
    await bench.proxy.restore();
    await end;
    expect(seen.at(-1)?.assessment.state).toBe('CANCELLED');
  });

  test('that cannot connect at all is given up after so many tries', async () => {
    await bench.proxy.cut();
    const updates = bench.remote({ connectAttempts: 3 }).watch(await create());
    const error = await refusalOf(updates.next());
    expect(error).toBeInstanceOf(UnavailableError);
    expect(error).toMatchObject({ code: 'OVERLOADED', message: expect.stringMatching(/does not answer \(ECONNREFUSED/) });
  });

  test('of a server that takes connections and says nothing is given up, too', async () => {
    bench.proxy.fallSilent();
    const updates = bench.remote({ connectAttempts: 2, connectTimeoutMs: 50 }).watch(await create());
    const error = await refusalOf(updates.next());
    expect(error).toBeInstanceOf(UnavailableError);
    expect(error).toMatchObject({ code: 'TIMEOUT', message: expect.stringMatching(/within 50 ms/) });
  });

  test('tries for ever where it is told so', async () => {
    await bench.proxy.cut();
    const assessmentId = await create();
    const { seen, end } = following<UpdateView>(
      bench.remote({ connectAttempts: Number.POSITIVE_INFINITY, retryCapMs: 1, retryBaseMs: 1 }).watch(assessmentId),
    );
    await direct.cancelAssessment({ assessmentId });
    await bench.proxy.restore();
    await end;
    expect(seen.at(-1)?.assessment.state).toBe('CANCELLED');
  });
});

describe('waitForCompletion', () => {
  test('outlives cuts', async () => {
    const assessmentId = await create();
    const waiting = bench.remote().waitForCompletion({ assessmentId, timeoutMs: 3_600_000 });
    for (let cuts = 0; cuts < 3; cuts++) {
      await isOpen(1);
      await bench.proxy.cut();
      await isOpen(0);
      await bench.proxy.restore();
    }
    await direct.cancelAssessment({ assessmentId });
    expect(await waiting).toMatchObject({ timedOut: false, assessment: { state: 'CANCELLED' } });
  });

  test('outlives a restart of the service, which closes its sockets by 1001', async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, create));
    const waits = ids.map((assessmentId) => bench.remote({ spreadMs: 50 }).waitForCompletion({ assessmentId, timeoutMs: 3_600_000 }));
    await isOpen(20);
    await bench.stopService();
    await bench.startService();
    await Promise.all(ids.map((assessmentId) => direct.cancelAssessment({ assessmentId })));
    for (const { assessment, timedOut } of await Promise.all(waits))
      expect({ state: assessment.state, timedOut }).toEqual({ state: 'CANCELLED', timedOut: false });
  });
});

describe('a feed', () => {
  /** What the audit trail holds since a cursor was taken: the judge of every feed. */
  async function trailOf(prefix: string): Promise<string[]> {
    const { rows } = await (await bench.database.connect()).query(
      'select assessment_id, version_to from assessment_state_audit where assessment_id like $1 order by txid, seq',
      [`${prefix}%`],
    );
    return rows.map(({ assessment_id, version_to }) => `${assessment_id} ${version_to}`);
  }

  const live = async (assessmentId: string): Promise<void> => {
    await direct.createAssessment({ assessmentId, type: 'HEALTH' });
    await direct.startProcessing({ assessmentId });
    for (const progress of [10, 20]) await direct.updateProgress({ assessmentId, progress });
    await direct.completeAssessment({ assessmentId, result: {} });
  };

  test.each([
    ['cut', 'cut', {}],
    ['that reads slowly and is cut', 'slow', { feedBuffer: 3 }],
  ])('%s again and again brings every change once and in order', async (__, prefix, options) => {
    const after = await direct.feedCursor();
    const feed = bench.remote(options).feed({ after, where: { assessmentId: { startsWith: prefix } } });
    const seen: FeedUpdateView[] = [];
    const reading = (async () => {
      while (seen.length < 200) {
        const { value } = await feed.next();
        if (value !== undefined) seen.push(value);
      }
    })();
    const making = (async () => {
      for (let made = 0; made < 40; made++) await live(`${prefix}-${made}`);
    })();
    for (const share of [20, 60, 100, 140]) {
      await eventually(`${share} are there`, () => seen.length >= share, 30_000);
      await bench.proxy.cut();
      await bench.proxy.restore();
    }
    await Promise.all([reading, making]);
    await feed.return?.();
    expect(seen.map(({ assessment }) => `${assessment.assessmentId} ${assessment.version}`)).toEqual(await trailOf(prefix));
  });

  test('outlives a restart of the service', async () => {
    const feed = bench.remote({ spreadMs: 50 }).feed({ where: { assessmentId: { startsWith: 'restart' } } });
    await isOpen(1);
    const first = feed.next();
    await live('restart-1');
    expect((await first).value).toMatchObject({ kind: 'CREATED' });
    await bench.stopService();
    await bench.startService();
    await live('restart-2');
    const seen = ['restart-1 1'];
    while (seen.length < 10) {
      const { assessment } = (await feed.next()).value as FeedUpdateView;
      seen.push(`${assessment.assessmentId} ${assessment.version}`);
    }
    await feed.return?.();
    expect(seen).toEqual(await trailOf('restart'));
  });
});

describe('a call', () => {
  // A proxy for each, and so a connection: fetch keeps those to one address for the next call.
  let proxy: TcpProxy;
  let remote: ClientBench['remote'];
  beforeEach(async () => {
    proxy = await TcpProxy.before(bench.url);
    remote = bench.clientOf(proxy.through(bench.url));
  });
  afterEach(() => proxy.stop());

  test('that reads is repeated when its connection is cut', async () => {
    const assessmentId = await create();
    proxy.fallSilent();
    const reading = remote().getState(assessmentId);
    await eventually('it has been sent', () => proxy.connections > 0);
    await proxy.cut();
    await proxy.restore();
    expect(await reading).toMatchObject({ assessmentId });
  });

  test('that reads is repeated while nothing listens, and when the network has lost it', async () => {
    const assessmentId = await create();
    await proxy.cut();
    const refused = remote().getState(assessmentId);
    proxy.fallSilent();
    await proxy.restore();
    expect(await refused).toMatchObject({ assessmentId });
    proxy.fallSilent();
    const lost = remote({ timeoutMs: 2_000 }).getState(assessmentId);
    await eventually('it has been sent', () => proxy.connections > 0);
    proxy.speak();
    expect(await lost).toMatchObject({ assessmentId });
  });

  test('that may not be done twice is repeated when it certainly was not done', async () => {
    const assessmentId = await create();
    await proxy.cut();
    const started = remote().startProcessing({ assessmentId });
    await proxy.restore();
    expect(await started).toMatchObject({ state: 'PROCESSING', version: 2 });
  });

  test('that may not be done twice is not repeated when it was under way', async () => {
    const assessmentId = await create();
    proxy.fallSilent();
    const started = remote().startProcessing({ assessmentId });
    await eventually('it has been sent', () => proxy.connections > 0);
    await proxy.cut();
    await proxy.restore();
    expect(await refusalOf(started)).toBeInstanceOf(UnavailableError);
    expect(await direct.getState(assessmentId)).toMatchObject({ state: 'PENDING' });
  });

  test('that is not answered in time says so', async () => {
    proxy.fallSilent();
    const error = await refusalOf(remote({ timeoutMs: 100 }).startProcessing({ assessmentId: 'x' }));
    expect(error).toBeInstanceOf(UnavailableError);
    expect(error).toMatchObject({ code: 'TIMEOUT', message: expect.stringMatching(/did not answer within 100 ms/) });
  });
});
