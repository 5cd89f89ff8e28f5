import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type AssessmentStore, type FeedEntry, openStore } from '../../src/store/index.ts';
import { findAuditFlaws } from '../support/audit-checker.ts';
import { eventually } from '../support/eventually.ts';
import { expectWhole, FeedReader } from '../support/feed-reader.ts';
import { type Act, anyAct, Overlapping } from '../support/overlapping.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { TestLog } from '../support/test-log.ts';

/** How many cursors of a run are tried again in the end. */
const cursorsTried = 60;

describe.each([
  ['the bus and', inject('redisUrl')],
  ['nothing but', ''],
])('two instances that hear of changes by %s the tick', (_, redisUrl) => {
  let database: TestDatabase;
  let stores: AssessmentStore[];
  let clients: [pg.Client, ...pg.Client[]];
  beforeAll(async () => {
    database = await createTestDatabase();
    const shared = {
      databaseUrl: database.url,
      log: new TestLog(),
      reconcileMs: 40,
      maintenanceMs: 3_600_000,
      ...(redisUrl && { redisUrl }),
    };
    // The second keeps so little in memory that its feeds fall behind again and again.
    stores = [await openStore(shared), await openStore({ ...shared, feedBuffer: 3 })];
    const connect = () => database.connect();
    clients = [await connect(), await connect(), await connect(), await connect(), await connect()];
  });
  afterAll(async () => {
    const flaws = await findAuditFlaws(clients[0]);
    await Promise.all(stores.map((store) => store.stop()));
    await database.drop();
    expect(flaws).toEqual([]);
  });
  const storeOf = (pick: number) => stores[pick % stores.length] as AssessmentStore;

  /** A feed after a cursor that some feed has given, or after everything. */
  async function openSome(readers: readonly FeedReader[], { who, which }: Act, overlapping: Overlapping): Promise<FeedReader> {
    const { told } = readers[who % readers.length] as FeedReader;
    if (told.length === 0 || which % 7 === 0) return FeedReader.open(storeOf(which), overlapping.actor, { after: '0' });
    return FeedReader.open(storeOf(which), overlapping.actor, {}, told.slice(0, 1 + (which % told.length)));
  }

  /** Every feed has told of all that is committed, whatever is still open. */
  async function settle(readers: readonly FeedReader[], overlapping: Overlapping): Promise<void> {
    const committed = await overlapping.committed();
    await eventually('the feeds have told of all that is committed', () =>
      readers.every(({ told, error }) => error !== undefined || told.length >= committed.length),
    );
    for (const { told, error } of readers) {
      expect(error).toBeUndefined();
      expectWhole(told, committed);
    }
  }

  /** A feed after each cursor tells what the one that gave it told after it. */
  async function tryCursors(readers: readonly FeedReader[], overlapping: Overlapping, versions: readonly string[]): Promise<void> {
    const known = readers.flatMap(({ told }) => told.map((_, index) => told.slice(0, index + 1)));
    const tried = known.filter((_, index) => index % Math.ceil(known.length / cursorsTried) === 0);
    await Promise.all(
      tried.map(async (before, index) => {
        const reader = await FeedReader.open(storeOf(index), overlapping.actor, {}, before);
        await reader.heard('marker');
        await reader.stop();
        expectWhole(reader.told, versions);
      }),
    );
  }

  async function overlap(acts: readonly Act[]): Promise<FeedEntry[][]> {
    const overlapping = new Overlapping(clients, stores);
    const readers = await Promise.all(stores.map((store) => FeedReader.open(store, overlapping.actor)));
    try {
      for (const act of acts) {
        if (act.what === 'open') readers.push(await openSome(readers, act, overlapping));
        else if (act.what === 'settle') await settle(readers, overlapping);
        else await overlapping.write(act);
      }
      await overlapping.commitAll();
      await storeOf(0).createAssessment({ assessmentId: 'marker', type: 'HEALTH' }, overlapping.actor);
      await Promise.all(readers.map((reader) => reader.heard('marker')));
      const versions = await overlapping.committed();
      for (const { told } of readers) expectWhole(told, versions);
      await tryCursors(readers, overlapping, versions);
      return readers.map(({ told }) => told);
    } finally {
      await overlapping.commitAll();
      await Promise.all(readers.map((reader) => reader.stop()));
    }
  }

  test('tell every feed of every version once and in order, whatever overlaps, and go on after any cursor', {
    timeout: 300_000,
  }, async () => {
    let told = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(anyAct, { minLength: 30, maxLength: 90, size: 'max' }), async (acts) => {
        for (const entries of await overlap(acts)) told += entries.length;
      }),
      { numRuns: 12, interruptAfterTimeLimit: 240_000, markInterruptAsFailure: true },
    );
    expect(told).toBeGreaterThan(500);
    for (const store of stores) expect(store.feeding).toBe(0);
  });
});
