import { expect, test } from 'vitest';
import { RateLimits, type SharedTallies, type Tally, windowMs } from '../../src/rates/rate-limits.ts';

const ada = { tenantId: 'default', subject: 'ada' };
const rates = { query: 3, mutation: 0, subscription: 1 };

/** With a clock that stands still until it is moved. */
function limitsAt(start: number, shared?: SharedTallies) {
  let now = start;
  const limits = new RateLimits(rates, shared, () => now);
  const pass = (ms: number): void => {
    now += ms;
  };
  return { limits, pass };
}

test('a window begins with the first operation, ends a minute later, and says how long that is', () => {
  const { limits, pass } = limitsAt(1_000);
  for (let number = 0; number < 3; number++) {
    expect(limits.take(ada, 'query')).toBeUndefined();
    pass(10_000);
  }
  expect(limits.take(ada, 'query')).toEqual({ kind: 'query', most: 3, retryAfterMs: windowMs - 30_000 });
  pass(windowMs - 30_001);
  expect(limits.take(ada, 'query')).toEqual({ kind: 'query', most: 3, retryAfterMs: 1 });
  pass(1);
  for (let number = 0; number < 3; number++) expect(limits.take(ada, 'query')).toBeUndefined();
  expect(limits.take(ada, 'query')).toMatchObject({ retryAfterMs: windowMs });
});

test('kinds, subjects and tenants are counted apart, also where their names could be mistaken for others', () => {
  const { limits } = limitsAt(0);
  const actors = [
    ada,
    { tenantId: 'default', subject: 'bob' },
    { tenantId: 'other', subject: 'ada' },
    { tenantId: 'a","b', subject: 'c' },
    { tenantId: 'a', subject: 'b","c' },
  ];
  for (const actor of actors) expect(limits.take(actor, 'subscription')).toBeUndefined();
  for (const actor of actors) expect(limits.take(actor, 'subscription')).toMatchObject({ most: 1 });
  expect(limits.take(ada, 'query')).toBeUndefined();
});

test('a rate of 0 is none', () => {
  const { limits } = limitsAt(0);
  for (let number = 0; number < 1_000; number++) expect(limits.take(ada, 'mutation')).toBeUndefined();
});

test('what is counted is told, what is refused is not; and what others have counted counts', () => {
  const told: Tally[] = [];
  const { limits } = limitsAt(0, { note: (tally) => void told.push(tally) });
  limits.take(ada, 'query');
  const [tally] = told;
  expect(tally).toMatchObject({ kind: 'query', taken: 1, untold: 1 });
  if (tally !== undefined) tally.taken = 3;
  expect(limits.take(ada, 'query')).toMatchObject({ most: 3 });
  expect(told).toHaveLength(1);
});
