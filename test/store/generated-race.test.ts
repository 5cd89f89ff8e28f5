import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type Assessment,
  type AssessmentStore,
  InvalidInputError,
  InvalidTransitionError,
  isTerminal,
  NotFoundError,
  openStore,
  VersionConflictError,
} from '../../src/store/index.ts';
import { findAuditFlaws } from '../support/audit-checker.ts';
import { TestLog } from '../support/test-log.ts';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';

const rows = 300;
const actors = 8;
const rounds = 25;
const callsAtOnce = 40;

let setup: TestStore;
let stores: AssessmentStore[];
beforeAll(async () => {
  setup = await startTestStore({ retryBaseMs: 1, retryCapMs: 1, commandConcurrency: 4 });
  const options = { databaseUrl: setup.database.url, log: new TestLog(), retryBaseMs: 1, retryCapMs: 1, commandConcurrency: 4 };
  stores = [setup.store, await openStore(options)];
});
afterAll(async () => {
  await stores[1]?.stop();
  await setup.stop();
});

/** Numbers that look random and are the same in every run (mulberry32), from 0 to less than `below`. */
function numbersFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

interface Tally {
  won: number;
  refused: number;
  unexpected: unknown[];
}

const verbs = ['start', 'progress', 'complete', 'fail', 'cancel', 'retry'] as const;

function command(store: AssessmentStore, next: (below: number) => number, subject: string): Promise<Assessment> {
  const target = {
    assessmentId: next(50) === 0 ? 'unknown' : `row ${next(rows)}`,
    expectedVersion: next(3) === 0 ? 1 + next(4) : null,
  };
  const by = { ...actor, subject };
  const verb = verbs[next(verbs.length)] ?? 'start';
  switch (verb) {
    case 'start':
      return store.startProcessing(target, by);
    case 'progress':
      return store.updateProgress({ ...target, progress: next(100), message: subject }, by);
    case 'complete':
      return store.completeAssessment({ ...target, result: { subject } }, by);
    case 'fail':
      return store.failAssessment({ ...target, error: subject, retryable: next(2) === 0 }, by);
    case 'cancel':
      return next(4) === 0 ? store.cancelAssessment(target, by) : store.startProcessing(target, by);
    case 'retry':
      return store.retryAssessment(target, by);
    default:
      return verb satisfies never;
  }
}

function isExpected(error: unknown): boolean {
  if (error instanceof InvalidInputError) return error.fields[0]?.path[0] === 'progress';
  if (error instanceof NotFoundError) return error.assessmentId === 'unknown';
  if (error instanceof VersionConflictError) return error.assessment.version !== error.expectedVersion;
  return error instanceof InvalidTransitionError && error.assessment.state === error.from;
}

async function act(index: number, tally: Tally): Promise<void> {
  const next = numbersFrom(index + 1);
  const store = stores[index % 2] ?? setup.store;
  for (let round = 0; round < rounds; round++) {
    const calls = Array.from({ length: callsAtOnce }, () => command(store, next, `actor ${index}`));
    for (const outcome of await Promise.allSettled(calls)) {
      if (outcome.status === 'fulfilled') tally.won++;
      else if (isExpected(outcome.reason)) tally.refused++;
      else tally.unexpected.push(outcome.reason);
    }
  }
}

test('eight actors with random commands on the same rows: everything is answered, versions and audit are exact', async () => {
  const ids = Array.from({ length: rows }, (_, index) => `row ${index}`);
  await Promise.all(
    ids.map((assessmentId, index) => setup.store.createAssessment({ assessmentId, type: 'HEALTH', maxRetries: index % 3 }, actor)),
  );
  const tally: Tally = { won: 0, refused: 0, unexpected: [] };
  await Promise.all(Array.from({ length: actors }, (_, index) => act(index, tally)));

  expect(tally.unexpected).toEqual([]);
  expect(tally.won + tally.refused).toBe(actors * rounds * callsAtOnce);
  expect(tally.won).toBeGreaterThan(rows);
  expect(tally.refused).toBeGreaterThan(rows);

  const client = await setup.database.connect();
  expect(await findAuditFlaws(client)).toEqual([]);
  const { rows: ended } = await client.query('select state, count(*)::int as many from assessment_states group by state');
  expect(ended.map(({ state }) => state.toUpperCase()).some(isTerminal)).toBe(true);
  const { rows: changes } = await client.query(`select count(*)::int as many from assessment_state_audit where changed_by like 'actor %'`);
  // The same progress again is answered and changes nothing, so a few winners leave no row.
  expect(changes[0].many).toBeLessThanOrEqual(tally.won);
  expect(changes[0].many).toBeGreaterThan(tally.won * 0.9);
  const { rows: deadlocks } = await client.query('select deadlocks::int from pg_stat_database where datname = current_database()');
  expect(deadlocks).toEqual([{ deadlocks: 0 }]);
});
