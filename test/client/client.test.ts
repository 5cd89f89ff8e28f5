import { once } from 'node:events';
import { type AddressInfo, createServer as createSilentServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAssessmentClient } from '../../src/client/client.ts';
import {
  AlreadyExistsError,
  ClaimLostError,
  InvalidInputError,
  InvalidTransitionError,
  NotFoundError,
  openStore,
  UnavailableError,
} from '../../src/store/index.ts';
import { refusalOf } from '../support/outcomes.ts';
import { actor } from '../support/test-store.ts';
import { type ApiBench, startApiBench } from './api-bench.ts';
import { closedUrl } from './client-bench.ts';

let bench: ApiBench;
beforeAll(async () => {
  bench = await startApiBench();
});
afterAll(() => bench.stop());

const claimOne = async (assessmentId: string) => {
  const claims = await bench.client.claimAssessments({ workerId: 'tester', limit: 500 });
  const claim = claims.find(({ assessment }) => assessment.assessmentId === assessmentId);
  if (claim === undefined) throw new Error(`${assessmentId} was not claimed`);
  return claim;
};

describe('what the API gives is what the store gives', () => {
  test('an assessment, with dates as dates', async () => {
    const { assessment, created } = await bench.client.createAssessment({
      ...{ assessmentId: 'whole', type: 'SECURITY', serverName: 'a.example', timeoutMs: 60_000, maxRetries: 2, priority: 3 },
      ...{ timestamp: new Date(0), metadata: { url: 'https://a.example' } },
    });
    expect(created).toBe(true);
    const { claimToken, assessment: claimed, expiresAt } = await claimOne('whole');
    expect(expiresAt).toEqual(claimed.claimExpiresAt);
    expect(claimed).toMatchObject({ state: 'PROCESSING', claimedBy: 'tester', requestData: { metadata: { url: 'https://a.example' } } });
    const [reported] = await bench.client.work.batchUpdateProgress({ updates: [{ assessmentId: 'whole', progress: 40, claimToken }] });
    expect(reported).toEqual({ assessmentId: 'whole', state: 'PROCESSING', version: 3, progress: 40 });
    const [whole] = await bench.client.batchUpdateProgress({ updates: [{ assessmentId: 'whole', progress: 50, claimToken }] });
    const { requestData: _request, ...claimedView } = claimed;
    expect(whole).toEqual({ ...claimedView, version: 4, progress: 50, updatedAt: expect.any(Date) });
    const [completed] = await bench.client.batchCompleteAssessments({
      completions: [{ assessmentId: 'whole', claimToken, result: { a: [1] } }],
    });
    expect(completed).toMatchObject({ state: 'COMPLETED' });
    const { client } = bench;
    const store = await openStore({ databaseUrl: bench.database.url, log: bench.log });
    const { id: _, tenantId: __, ...kept } = await store.getState('whole', actor);
    await store.stop();
    expect(await client.getState('whole')).toEqual(kept);
    const { resultData: ___, requestData: ____, ...bodiless } = kept;
    expect(await client.waitForCompletion({ assessmentId: 'whole' })).toEqual({ assessment: bodiless, timedOut: false });
    expect(assessment).toMatchObject({ state: 'PENDING', version: 1, timeoutMs: 60_000, maxRetries: 2, priority: 3, claimedBy: null });
  });

  test('its updates, until it has ended or they are given up', async () => {
    const [assessmentId = ''] = await bench.submit(1);
    const updates = await bench.client.work.watchAssessment({ assessmentId });
    const kinds: string[] = [];
    for await (const { kind, assessment } of updates) {
      kinds.push(kind);
      expect(assessment.createdAt).toBeInstanceOf(Date);
      if (kind === 'SNAPSHOT')
        await claimOne(assessmentId).then(({ claimToken }) => bench.client.failAssessment({ assessmentId, claimToken, error: 'no' }));
    }
    expect(kinds.at(0)).toBe('SNAPSHOT');
    expect(kinds.at(-1)).toBe('FAILED');

    const [other = ''] = await bench.submit(1);
    const given = await bench.client.work.watchAssessment({ assessmentId: other });
    const reading = (async () => {
      for await (const { kind } of given) if (kind === 'SNAPSHOT') setImmediate(() => void given.return());
    })();
    await reading;
  });
});

describe('refusals are the errors of the store', () => {
  test('of each kind', async () => {
    const { client } = bench;
    expect(await refusalOf(client.getState('nobody'))).toEqual(new NotFoundError('nobody'));
    expect(await refusalOf(client.waitForCompletion({ assessmentId: 'nobody' }))).toBeInstanceOf(NotFoundError);
    expect(await refusalOf(client.failAssessment({ assessmentId: 'nobody', error: 'x' }))).toBeInstanceOf(NotFoundError);

    const invalid = (await refusalOf(client.createAssessment({ type: 'HEALTH', priority: 11 }))) as InvalidInputError;
    expect(invalid).toBeInstanceOf(InvalidInputError);
    expect(invalid.fields.map(({ path }) => path)).toEqual([['priority']]);

    await client.createAssessment({ assessmentId: 'taken', type: 'HEALTH', priority: 1 });
    const taken = await refusalOf(client.createAssessment({ assessmentId: 'taken', type: 'HEALTH', priority: 2 }));
    expect(taken).toBeInstanceOf(AlreadyExistsError);
    expect(taken).toMatchObject({ assessment: { assessmentId: 'taken', priority: 1 } });

    const pending = await refusalOf(client.failAssessment({ assessmentId: 'taken', error: 'x' }));
    expect(pending).toBeInstanceOf(InvalidTransitionError);
    expect(pending).toMatchObject({ from: 'PENDING', to: 'FAILED', allowed: ['PROCESSING', 'CANCELLED'] });

    const { claimToken } = await claimOne('taken');
    const [ofBatch, beside] = await client.batchCompleteAssessments({
      completions: [
        { assessmentId: 'taken', claimToken: '00000000-0000-7000-8000-000000000000', result: {} },
        { assessmentId: 'taken', claimToken, result: {} },
      ],
    });
    expect(ofBatch).toBeInstanceOf(ClaimLostError);
    expect(ofBatch).toMatchObject({ code: 'CLAIM_LOST', message: expect.stringContaining('tester') });
    expect(beside).toMatchObject({ state: 'COMPLETED' });
  });

  test('of calls that have no result union, too', async () => {
    const { client } = bench;
    const limit = (await refusalOf(client.claimAssessments({ workerId: 'tester', limit: 0 }))) as InvalidInputError;
    expect(limit).toBeInstanceOf(InvalidInputError);
    expect(limit.message).toMatch(/limit/);
    const updates = await client.work.watchAssessment({ assessmentId: 'nobody' });
    expect(
      await refusalOf(
        (async () => {
          for await (const _ of updates);
        })(),
      ),
    ).toBeInstanceOf(NotFoundError);
  });
});

describe('a service that is not there', () => {
  test('is an UnavailableError', async () => {
    const client = createAssessmentClient({ url: await closedUrl(), timeoutMs: 300 });
    const error = (await refusalOf(client.getState('x'))) as UnavailableError;
    expect(error).toBeInstanceOf(UnavailableError);
    expect(error.message).toMatch(/does not answer \(ECONNREFUSED/);
  });

  test('a bad URL is refused before anything is sent', () => {
    expect(() => createAssessmentClient({ url: 'localhost:4000' })).toThrow(/must be an address that begins with http/);
  });

  test.each([
    ['a token with a line break inside', { url: 'http://127.0.0.1:9/graphql', token: 'secret-1\nsecret-2' }, 'secret'],
    ['an address with a password', { url: 'http://me:secret@127.0.0.1:9/graphql' }, 'secret'],
  ])('%s is refused at once, and not told', (_, options, secret) => {
    const refused = (() => {
      try {
        return String(createAssessmentClient(options));
      } catch (error) {
        return String(error);
      }
    })();
    expect(refused).toMatch(/^TypeError: (token|url) must/);
    expect(refused).not.toContain(secret);
  });

  test('close() comes to an end while a socket is still being opened to a server that says nothing', async () => {
    const silent = createSilentServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const client = createAssessmentClient({ url: `http://127.0.0.1:${port}/graphql` });
    const updates = await client.work.watchAssessment({ assessmentId: 'nobody' });
    const ended = refusalOf(updates[Symbol.asyncIterator]().next()).catch(() => 'ended without an error');
    const [connection] = (await once(silent, 'connection')) as [Socket];
    const closed = client.close();
    connection.destroy();
    await closed;
    await ended;
    await new Promise((resolve) => silent.close(resolve));
  });

  test('a wait can be broken off', async () => {
    const controller = new AbortController();
    const claiming = bench.client.claimAssessments({ workerId: 'patient', types: ['COMPLIANCE'], waitMs: 60_000 }, controller.signal);
    controller.abort(new Error('enough'));
    expect(await refusalOf(claiming)).toEqual(new Error('enough'));
  });
});
