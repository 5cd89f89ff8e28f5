import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AttackTarget, startAttackTarget } from '../support/attack-target.ts';
import { eventually } from '../support/eventually.ts';
import { openRawSocket, type RawSocket } from '../support/raw-socket.ts';

const mebibyte = 1024 * 1024;
const junk = 'x'.repeat(mebibyte);
const updated = 'subscription { assessmentUpdated(assessmentId: "there") { kind } }';
const wait = '{ waitForAssessment(assessmentId: "there", timeoutMs: 600000) { __typename } }';
/** Half of all, less what stands around a mebibyte. */
const fitting = 15;

let target: AttackTarget;
beforeAll(async () => {
  target = await startAttackTarget({ MAX_REQUEST_BYTES: 4 * mebibyte, MAX_HELD_BYTES: 32 * mebibyte });
});
afterAll(() => target.stop());

const refused = [
  {
    message: 'Too large operations at a time of this subject: 16777216 bytes. Wait until some have ended, or complete them.',
    extensions: { code: 'RATE_LIMITED', limit: 'subject', retryAfterMs: 1_000 },
  },
];

const attempts: Record<string, (raw: RawSocket, number: number) => string> = {
  'variables that nobody asked for': (raw, number) => {
    raw.subscribe(`${number}`, updated, { variables: { junk } });
    return `${number}`;
  },
  extensions: (raw, number) => {
    raw.subscribe(`${number}`, updated, { extensions: { junk } });
    return `${number}`;
  },
  documents: (raw, number) => {
    raw.subscribe(`${number}`, `${updated} #${number}${junk}`);
    return `${number}`;
  },
};

test.each(Object.entries(attempts))(
  'subscriptions with large %s hold so much and no more, and each that ends makes room',
  async (_, attempt) => {
    const raw = await openRawSocket(target.url);
    const ids = Array.from({ length: 60 }, (_x, number) => attempt(raw, number));
    for (const id of ids.slice(0, fitting)) await raw.received(id, 'next');
    for (const id of ids.slice(fitting)) expect((await raw.received(id, 'error')).payload).toEqual(refused);
    raw.complete(ids[0] ?? '');
    await eventually('there is one less', () => target.app.store.watching === fitting - 1);
    await raw.received(attempt(raw, 60), 'next');
    raw.subscribe('small', '{ __typename }');
    await raw.received('small', 'complete');
    raw.socket.close();
    await raw.closed;
    await target.expectUnharmed();
  },
);

test('an id that is long is not taken', async () => {
  const raw = await openRawSocket(target.url);
  for (let number = 0; number < 20; number++) {
    const id = `${number}${'x'.repeat(100_000)}`;
    raw.subscribe(id, updated);
    expect((await raw.received(id, 'error')).payload).toMatchObject([{ extensions: { code: 'BAD_REQUEST' } }]);
  }
  raw.subscribe('x'.repeat(256), updated);
  await raw.received('x'.repeat(256), 'next');
  expect(target.app.store.watching).toBe(1);
  raw.socket.close();
  await raw.closed;
  await target.expectUnharmed();
});

test('requests that wait hold so much and no more', async () => {
  const leaving = new AbortController();
  const statuses = await Promise.all(
    Array.from({ length: 60 }, (_, number) => {
      const sent = fetch(target.url, {
        ...{ method: 'POST', headers: { 'content-type': 'application/json' }, signal: leaving.signal },
        body: JSON.stringify({ query: wait, variables: { junk, number } }),
      }).then(
        ({ status }) => status,
        () => 0,
      );
      return Promise.race([
        sent,
        eventually('it waits', () => target.app.store.watching === fitting).then(() => Promise.race([sent, later()])),
      ]);
    }),
  );
  expect(statuses.filter((status) => status === 200)).toEqual([]);
  expect(statuses.filter((status) => status === 429).length).toBeGreaterThan(0);
  expect(target.app.store.watching).toBe(fitting);
  leaving.abort();
  await target.expectUnharmed();
});

const later = (): Promise<number> => new Promise((resolve) => setImmediate(() => resolve(0)));
