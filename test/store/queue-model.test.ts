import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AssessmentStore, openStore } from '../../src/store/index.ts';
import { findAuditFlaws } from '../support/audit-checker.ts';
import { queueCommands } from '../support/queue-commands.ts';
import { QueueModel } from '../support/queue-model.ts';
import { QueueRun, stepMinutes } from '../support/queue-run.ts';
import { TestLog } from '../support/test-log.ts';
import { startTestStore, type TestStore } from '../support/test-store.ts';

/** No loop acts by itself, and a retry waits for years unless the run brings it forward. */
const options = { maintenanceMs: 3_600_000, retryBaseMs: 1e12, retryCapMs: 1e12, priorityStepMs: stepMinutes * 60_000 };

let setup: TestStore;
let second: AssessmentStore;
let psql: pg.Client;
beforeAll(async () => {
  setup = await startTestStore(options);
  second = await openStore({ databaseUrl: setup.database.url, log: new TestLog(), ...options });
  psql = await setup.database.connect();
});
afterAll(async () => {
  await second.stop();
  await setup.stop();
});

let runs = 0;

test('whatever one caller after the other does, the queue does what its model does', async () => {
  await fc.assert(
    fc.asyncProperty(fc.commands(queueCommands, { maxCommands: 80, size: 'max' }), async (commands) => {
      const run = new QueueRun([setup.store, second], psql, `run-${++runs}`);
      try {
        await fc.asyncModelRun(() => ({ model: new QueueModel(), real: run }), commands);
        expect(await findAuditFlaws(psql)).toEqual([]);
      } finally {
        await run.leaveNothing();
      }
    }),
    { numRuns: 20 },
  );
});
