import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';
import { actor } from '../support/test-store.ts';

let service: TestApp;
beforeAll(async () => {
  service = await startTestApp({ MAINTENANCE_MS: 3_600_000, RECONCILE_MS: 60_000 });
});
afterAll(async () => {
  const faults = service.logged.filter((line) => (JSON.parse(line) as { level: number }).level >= 40);
  await service.stop();
  expect(faults).toEqual([]);
});
/** Every test begins with an empty queue. */
beforeEach(async () => {
  const psql = await service.database.connect();
  await psql.query(`update assessment_states set state = 'cancelled' where state in ('pending', 'processing')`);
  service.statements.length = 0;
});

interface Claim {
  claimToken: string;
  expiresAt: string;
  assessment: Record<string, unknown> & { assessmentId: string };
}

const claimDocument = (selection = 'assessmentId') =>
  `mutation ($input: ClaimAssessmentsInput!) { claimAssessments(input: $input) { claims { claimToken expiresAt assessment { ${selection} } } } }`;

async function claim(input: object, selection?: string): Promise<Claim[]> {
  const { data, errors } = await service.send<{ claimAssessments: { claims: Claim[] } }>(claimDocument(selection), {
    input: { workerId: 'w1', ...input },
  });
  expect(errors).toBeUndefined();
  return data.claimAssessments.claims;
}

async function send<Result>(field: string, input: object, selection: string): Promise<Result> {
  const type = `${field.charAt(0).toUpperCase()}${field.slice(1)}Input`;
  const document = `mutation ($input: ${type}!) { ${field}(input: $input) { ${selection} } }`;
  const { data, errors } = await service.send<Record<string, Result>>(document, { input });
  expect(errors).toBeUndefined();
  return data[field] ?? expect.fail('no answer');
}

const create = (assessmentId: string, rest: object = {}) =>
  send<{ __typename: string }>('createAssessment', { assessmentId, type: 'HEALTH', ...rest }, '__typename');
const waiting = (count: number) => eventually(`${count} wait`, () => service.app.store.workersWaiting === count);

describe('claimAssessments', () => {
  test('gives what was claimed, with its request and options, for one statement', async () => {
    await create('whole', { metadata: { deep: [1] }, options: { deepScan: true, timeout: 7 }, priority: 3 });
    await create('with it');
    service.statements.length = 0;
    const plain = 'assessmentId state version progress retryCount priority claim { workerId claimedAt expiresAt } startedAt';
    const claims = await claim({ limit: 5, leaseMs: 60_000 }, `${plain} requestData options { deepScan timeout includeDetails }`);
    expect(service.statements).toHaveLength(1);
    expect(claims).toHaveLength(2);
    expect(claims[0]?.assessment).toMatchObject({
      ...{ assessmentId: 'whole', state: 'PROCESSING', version: 2, progress: 0, priority: 3 },
      claim: { workerId: 'w1', expiresAt: claims[0]?.expiresAt },
      requestData: { assessmentId: 'whole', type: 'HEALTH', metadata: { deep: [1] } },
      options: { deepScan: true, timeout: 7, includeDetails: true },
    });
  });

  test('has the defaults of the schema, also for what is null', async () => {
    await create('one');
    await create('two');
    const claims = await claim({ limit: null, types: null, leaseMs: null, waitMs: null });
    expect(claims).toHaveLength(1);
    expect(Date.parse(claims[0]?.expiresAt ?? '') - Date.now()).toBeGreaterThan(20_000);
    expect(await claim({ types: ['SECURITY'] })).toEqual([]);
    expect(await claim({})).toHaveLength(1);
  });

  test('waits for work, and is answered when it is created', async () => {
    const poll = claim({ waitMs: 30_000 });
    await waiting(1);
    const begun = performance.now();
    await create('arrives');
    expect((await poll).map(({ assessment }) => assessment.assessmentId)).toEqual(['arrives']);
    expect(performance.now() - begun).toBeLessThan(5_000);
  });

  test('is answered with nothing when its time is over', async () => {
    expect(await claim({ waitMs: 100 })).toEqual([]);
    expect(service.app.store.workersWaiting).toBe(0);
  });

  test('over WebSocket waits just so, and several waits share a socket', async () => {
    const client = service.connect();
    const poll = (workerId: string) =>
      new Promise<unknown>((resolve, reject) => {
        client.subscribe(
          { query: claimDocument('assessmentId requestData'), variables: { input: { workerId, waitMs: 30_000 } } },
          { next: resolve, error: reject, complete: () => {} },
        );
      });
    const polls = [poll('a'), poll('b')];
    await waiting(2);
    await create('first');
    await create('second');
    const answers = JSON.stringify(await Promise.all(polls));
    expect(answers).toContain('"assessmentId":"first"');
    expect(answers).toContain('"assessmentId":"second"');
  });
});

describe('a client that goes away while it waits', () => {
  /** Nothing is left of it: what is created now stays for others. */
  async function expectNothingTaken(assessmentId: string): Promise<void> {
    await waiting(0);
    await create(assessmentId);
    expect((await claim({ workerId: 'other' })).map(({ assessment }) => assessment.assessmentId)).toEqual([assessmentId]);
  }

  test('over HTTP leaves nothing behind', async () => {
    const gone = new AbortController();
    const body = JSON.stringify({ query: claimDocument(), variables: { input: { workerId: 'gone', waitMs: 60_000 } } });
    const poll = fetch(service.url, { method: 'POST', headers: { 'content-type': 'application/json' }, body, signal: gone.signal });
    await waiting(1);
    gone.abort(new Error('gone'));
    await expect(poll).rejects.toThrow('gone');
    await expectNothingTaken('after http');
  });

  test('over WebSocket leaves nothing behind, whether it completes the operation or closes the socket', async () => {
    const client = service.connect();
    const payload = { query: claimDocument(), variables: { input: { workerId: 'gone', waitMs: 60_000 } } };
    const sink = { next: () => {}, error: () => {}, complete: () => {} };
    const complete = client.subscribe(payload, sink);
    await waiting(1);
    complete();
    await expectNothingTaken('after completion');
    client.subscribe(payload, sink);
    await waiting(1);
    client.terminate();
    await expectNothingTaken('after closing');
  });

  describe('just when its claim is made', () => {
    // A claim takes a second, as on a database that is busy: time enough to leave in the middle.
    beforeAll(async () => {
      const psql = await service.database.connect();
      await psql.query(`create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(1); return new; end $$;
        create trigger slow before update on assessment_states for each row when (new.state = 'processing') execute function slow()`);
    });
    afterAll(async () => {
      const psql = await service.database.connect();
      await psql.query('drop trigger slow on assessment_states');
    });

    async function expectGivenBack(assessmentId: string, leave: () => void): Promise<void> {
      await create(assessmentId);
      const psql = await service.database.connect();
      await eventually('the claim is being made', async () => {
        const sleeping = await psql.query(
          `select from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep' and query like '%claimAssessments%'`,
        );
        return sleeping.rows.length > 0;
      });
      leave();
      const state = () => service.app.store.getState(assessmentId, actor);
      await eventually('it is given back', async () => (await state()).version === 3);
      expect(await state()).toMatchObject({ state: 'PENDING', retryCount: 0, claimedBy: null });
    }

    test('over HTTP: the claim is given back', async () => {
      const gone = new AbortController();
      const body = JSON.stringify({ query: claimDocument(), variables: { input: { workerId: 'gone', waitMs: 60_000 } } });
      const options = { method: 'POST', headers: { 'content-type': 'application/json' }, body, signal: gone.signal };
      const poll = fetch(service.url, options).catch(() => {});
      await waiting(1);
      await expectGivenBack('slow http', () => gone.abort());
      await poll;
    });

    test('over WebSocket: the claim is given back', async () => {
      const client = service.connect();
      const payload = { query: claimDocument(), variables: { input: { workerId: 'gone', waitMs: 60_000 } } };
      client.subscribe(payload, { next: () => {}, error: () => {}, complete: () => {} });
      await waiting(1);
      await expectGivenBack('slow socket', () => client.terminate());
    });
  });
});

describe('heartbeat and releaseAssessments', () => {
  test('answer for each token, in order', async () => {
    for (const key of ['held', 'cancelled', 'done']) await create(key);
    const [held, cancelled, done] = await claim({ limit: 3, leaseMs: 5_000 });
    await send('cancelAssessment', { assessmentId: cancelled?.assessment.assessmentId }, '__typename');
    await send(
      'completeAssessment',
      { assessmentId: done?.assessment.assessmentId, result: {}, claimToken: done?.claimToken },
      '__typename',
    );
    const claimTokens = [done, held, cancelled].map((each) => each?.claimToken ?? '');
    const beats = await send<{ results: { expiresAt: string | null }[] }>(
      'heartbeat',
      { workerId: 'w1', claimTokens, leaseMs: 60_000 },
      'results { claimToken held cancelled expiresAt }',
    );
    expect(beats.results).toEqual([
      { claimToken: claimTokens[0], held: false, cancelled: false, expiresAt: null },
      { claimToken: claimTokens[1], held: true, cancelled: false, expiresAt: expect.any(String) },
      { claimToken: claimTokens[2], held: false, cancelled: true, expiresAt: null },
    ]);
    const releases = await send('releaseAssessments', { workerId: 'w1', claimTokens, reason: 'lunch' }, 'results { claimToken released }');
    expect(releases).toEqual({
      results: claimTokens.map((claimToken, index) => ({ claimToken, released: index === 1 })),
    });
    expect(await claim({})).toMatchObject([{ assessment: { assessmentId: held?.assessment.assessmentId } }]);
  });

  test('know nothing of the claims of another worker', async () => {
    await create('mine');
    const claimTokens = (await claim({})).map(({ claimToken }) => claimToken);
    const input = { workerId: 'thief', claimTokens };
    expect(await send('heartbeat', input, 'results { held cancelled }')).toEqual({ results: [{ held: false, cancelled: false }] });
    expect(await send('releaseAssessments', input, 'results { released }')).toEqual({ results: [{ released: false }] });
  });

  test('cost one statement each, for however many tokens', async () => {
    await Promise.all(Array.from({ length: 20 }, (_, index) => create(`many ${index}`)));
    const claimTokens = (await claim({ limit: 20 })).map(({ claimToken }) => claimToken);
    service.statements.length = 0;
    await send('heartbeat', { workerId: 'w1', claimTokens }, 'results { held }');
    expect(service.statements).toHaveLength(1);
    await send('releaseAssessments', { workerId: 'w1', claimTokens }, 'results { released }');
    expect(service.statements).toHaveLength(2);
  });
});
