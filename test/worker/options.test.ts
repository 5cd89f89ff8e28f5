import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AssessmentStore, openStore } from '../../src/store/index.ts';
import { createWorker, type WorkerOptions } from '../../src/worker/index.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { TestLog } from '../support/test-log.ts';
import { actor } from '../support/test-store.ts';

let database: TestDatabase;
let store: AssessmentStore;
beforeAll(async () => {
  database = await createTestDatabase();
  store = await openStore({ databaseUrl: database.url, log: new TestLog() });
});
afterAll(async () => {
  await store.stop();
  await database.drop();
});

const handlers = { HEALTH: () => ({}) };
const make = (options: object) => createWorker({ store, actor, handlers, ...options } as WorkerOptions);

describe('an option that is wrong is refused, with what would be right', () => {
  test.each([
    [{ concurrency: 0 }, 'concurrency must be a whole number from 1 to 10000, not 0'],
    [{ concurrency: 1.5 }, 'concurrency must be a whole number from 1 to 10000, not 1.5'],
    [{ prefetch: -1 }, 'prefetch must be a whole number from 0 to 10000, not -1'],
    [{ leaseMs: 99 }, 'leaseMs must be a whole number from 100 to 86400000, not 99'],
    [{ graceMs: Number.NaN }, 'graceMs must be a whole number from 0 to 86400000, not NaN'],
    [{ waitMs: 60_001 }, 'waitMs must be a whole number from 0 to 60000, not 60001'],
    [{ workerId: '' }, 'workerId must have 1 to 255 characters'],
    [{ types: ['SECURITY'] }, 'types names SECURITY, for which handlers has no function'],
    [{ handlers: {} }, 'handlers must have a function for at least one type, such as { HEALTH: async () => ({}) }'],
  ])('%j', (options, message) => {
    expect(() => make(options)).toThrow(message);
  });
});

test('a worker has a name of its own unless it is given one', () => {
  expect(make({}).workerId).not.toBe(make({}).workerId);
  expect(make({ workerId: 'mine' }).workerId).toBe('mine');
});

test('one that was never started stops', async () => {
  await make({}).stop();
});
