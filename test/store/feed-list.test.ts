import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Actor, type Assessment, type AssessmentFilter, type FeedEntry, RefusalError } from '../../src/store/index.ts';
import { filterToPredicate } from '../../src/store/matches.ts';
import { eventually } from '../support/eventually.ts';
import { FeedReader, versionOf } from '../support/feed-reader.ts';
import { startTestStore, type TestStore } from '../support/test-store.ts';

let setup: TestStore;
let psql: pg.Client;
beforeAll(async () => {
  setup = await startTestStore({
    reconcileMs: 30,
    retryBaseMs: 3_600_000,
    retryCapMs: 3_600_000,
    maintenanceMs: 3_600_000,
    feedBuffer: 50,
  });
  psql = await setup.database.connect();
});
afterAll(() => setup.stop());

const simple: fc.Arbitrary<AssessmentFilter> = fc.constantFrom<AssessmentFilter>(
  ...[{}, { state: { eq: 'PROCESSING' as const } }, { state: { notIn: ['PROCESSING' as const, 'PENDING' as const] } }],
  ...[{ state: { in: ['PENDING' as const, 'FAILED' as const] } }, { priority: { lte: 5 } }, { priority: { gte: 6, lte: 8 } }],
  ...[{ progress: { gte: 50 } }, { progress: { lte: 49 } }, { retryCount: { eq: 1 } }, { retryCount: { gte: 1 } }],
  ...[{ serverName: { eq: 'web' } }, { serverName: { contains: 'b' } }, { not: { serverName: { startsWith: '' } } }],
  ...[{ completedAt: { gte: new Date(0) } }, { not: { completedAt: { gte: new Date(0) } } }, { assessmentId: { in: ['row-1', 'row-3'] } }],
);
const anyFilter = fc.oneof(
  simple,
  fc.tuple(simple, simple).map(([one, two]): AssessmentFilter => ({ or: [one, two] })),
  fc.tuple(simple, simple).map(([one, two]): AssessmentFilter => ({ ...one, not: two })),
  fc.tuple(simple, simple, simple).map(([one, two, three]): AssessmentFilter => ({ ...one, or: [two, { not: three }] })),
);

const verbs = [
  'create',
  'start',
  'start',
  'progress',
  'progress',
  'complete',
  'fail',
  'retry',
  'cancel',
  'priority',
  'server',
  'look',
] as const;
const anyAct = fc.record({ verb: fc.constantFrom<(typeof verbs)[number] | 'create'>(...verbs), row: fc.nat(5), value: fc.nat(100) });
type Act = typeof anyAct extends fc.Arbitrary<infer Value> ? Value : never;

/** Rows one after another at the beginning, so that there is something to change. */
const creations: Act[] = Array.from({ length: 6 }, (_, row) => ({ verb: 'create', row, value: 0 }));

async function act({ verb, row, value }: Act, actor: Actor): Promise<void> {
  const { store } = setup;
  const assessmentId = `row-${row}`;
  const byHand = (change: string) =>
    psql.query(
      `update assessment_states set ${change} where tenant_id = $1 and assessment_id = $2 and state in ('pending', 'processing')`,
      [actor.tenantId, assessmentId],
    );
  const commands: Record<Act['verb'], () => Promise<unknown>> = {
    create: () => store.createAssessment({ assessmentId, type: 'HEALTH', serverName: 'web', priority: 5, maxRetries: 2 }, actor),
    start: () => store.startProcessing({ assessmentId }, actor),
    progress: () => store.updateProgress({ assessmentId, progress: value }, actor),
    complete: () => store.completeAssessment({ assessmentId, result: {} }, actor),
    fail: () => store.failAssessment({ assessmentId, error: 'x', retryable: value % 2 === 0 }, actor),
    retry: () => store.retryAssessment({ assessmentId }, actor),
    cancel: () => store.cancelAssessment({ assessmentId }, actor),
    priority: () => byHand(`priority = ${1 + (value % 10)}`),
    server: () => byHand(`server_name = ${value % 3 === 0 ? 'null' : value % 3 === 1 ? `'web'` : `'db'`}`),
    look: async () => {},
  };
  await commands[verb]().catch((error: unknown) => {
    if (!(error instanceof RefusalError)) throw error;
  });
}

/** What a screen shows: those that match, by what it was told last of each. */
class Screen {
  readonly shown = new Map<string, Assessment>();
  /** What it was told without need: neither does the assessment match, nor was it shown. */
  readonly needless: string[] = [];
  readonly #matches: (assessment: Assessment) => boolean;
  readonly #first: ReadonlyMap<string, number>;

  constructor(where: AssessmentFilter, list: readonly Assessment[]) {
    this.#matches = filterToPredicate(where);
    for (const assessment of list) this.shown.set(assessment.assessmentId, assessment);
    this.#first = new Map(list.map(({ assessmentId, version }) => [assessmentId, version]));
  }

  apply(entry: FeedEntry): void {
    const { assessmentId, version } = entry.assessment;
    if (version <= (this.#first.get(assessmentId) ?? 0)) return; // the list has shown it already
    if (this.#matches(entry.assessment)) this.shown.set(assessmentId, entry.assessment);
    else if (!this.shown.delete(assessmentId)) this.needless.push(versionOf(entry));
  }

  get text(): string {
    return textOf([...this.shown.values()]);
  }
}

const textOf = (list: readonly Assessment[]) =>
  JSON.stringify(
    list.toSorted((a, b) => (a.assessmentId < b.assessmentId ? -1 : 1)),
    null,
    1,
  );

describe('a list on a screen', () => {
  const listOf = async (where: AssessmentFilter, actor: Actor): Promise<Assessment[]> =>
    (await setup.store.listAssessments({ where, first: 100 }, actor)).items.map(({ node }) => node);

  /** The screen shows what the database lists. */
  async function expectExact(screen: Screen, reader: FeedReader, where: AssessmentFilter, actor: Actor, applied: number): Promise<number> {
    const list = textOf(await listOf(where, actor));
    let next = applied;
    await eventually('the screen shows the list', () => {
      for (; next < reader.told.length; next++) screen.apply(reader.told[next] as FeedEntry);
      return screen.text === list;
    }).catch(() => expect(JSON.parse(screen.text)).toEqual(JSON.parse(list)));
    return next;
  }

  test('that begins with nothing and applies the updates of a feed is the list that the database gives, at every look', {
    timeout: 120_000,
  }, async () => {
    let told = 0;
    await fc.assert(
      fc.asyncProperty(anyFilter, fc.array(anyAct, { minLength: 20, maxLength: 60, size: 'max' }), async (where, acts) => {
        const actor = { tenantId: randomUUID(), subject: 'tester' };
        const reader = await FeedReader.open(setup.store, actor, { where });
        const screen = new Screen(where, []);
        let applied = 0;
        for (const each of [...creations, ...acts, { verb: 'look', row: 0, value: 0 } as const]) {
          await act(each, actor);
          if (each.verb === 'look') applied = await expectExact(screen, reader, where, actor, applied);
        }
        told += reader.told.length;
        expect(screen.needless).toEqual([]);
        await reader.stop();
      }),
      { numRuns: 40, endOnFailure: true },
    );
    expect(told).toBeGreaterThan(50); // usually some 300: the runs were not about nothing
  });

  test('that begins with a list read after the cursor of its feed misses nothing either', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(
        anyFilter,
        ...([fc.array(anyAct, { maxLength: 30 }), fc.array(anyAct, { maxLength: 15 }), fc.array(anyAct, { maxLength: 30 })] as const),
        async (where, before, meanwhile, after) => {
          const actor = { tenantId: randomUUID(), subject: 'tester' };
          for (const each of [...creations, ...before]) await act(each, actor);
          const cursor = await setup.store.feedCursor(actor);
          for (const each of meanwhile) await act(each, actor);
          const screen = new Screen(where, await listOf(where, actor));
          const reader = await FeedReader.open(setup.store, actor, { where, after: cursor });
          for (const each of after) await act(each, actor);
          await expectExact(screen, reader, where, actor, 0);
          await reader.stop();
        },
      ),
      { numRuns: 40, endOnFailure: true },
    );
  });

  test('hears of what stops matching once, then nothing until it matches again', async () => {
    const actor = { tenantId: randomUUID(), subject: 'tester' };
    const where = { priority: { lte: 3 } };
    const reader = await FeedReader.open(setup.store, actor, { where });
    await setup.store.createAssessment({ assessmentId: 'in and out', type: 'HEALTH', priority: 5 }, actor);
    for (const priority of [4, 3, 2, 6, 7, 8, 1, 9, 10]) {
      await psql.query(`update assessment_states set priority = $1 where tenant_id = $2`, [priority, actor.tenantId]);
    }
    await setup.store.createAssessment({ assessmentId: 'last', type: 'HEALTH', priority: 1 }, actor);
    await reader.heard('last');
    await reader.stop();
    expect(reader.told.map(({ assessment: { version, priority } }) => `${version}: ${priority}`)).toEqual([
      '3: 3',
      '4: 2',
      '5: 6',
      '8: 1',
      '9: 9',
      '1: 1',
    ]);
  });
});
