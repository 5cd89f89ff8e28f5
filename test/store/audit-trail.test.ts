import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NotFoundError, type Page } from '../../src/store/index.ts';
import { refusalOf } from '../support/outcomes.ts';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';

const changes = 25;
let setup: TestStore;
beforeAll(async () => {
  setup = await startTestStore();
  const { store } = setup;
  for (const assessmentId of ['trail', 'other']) {
    await store.createAssessment({ assessmentId, type: 'HEALTH' }, actor);
    await store.startProcessing({ assessmentId }, { ...actor, subject: 'alice' });
    for (let step = 1; step <= changes - 3; step++) {
      await store.updateProgress({ assessmentId, progress: step, message: `step ${step}` }, { ...actor, subject: 'bob' });
    }
    await store.cancelAssessment({ assessmentId, reason: 'enough' }, { ...actor, subject: 'carol' });
  }
});
afterAll(() => setup.stop());

const trail = (page: Page) => setup.store.auditTrail('trail', page, actor);
const versions = async (page: Page) => (await trail(page)).items.map(({ node }) => node.versionTo);
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe('an audit trail', () => {
  test('tells who did what and why, and shows the assessment as it was', async () => {
    const { items } = await trail({ first: 100 });
    expect(items).toHaveLength(changes);
    expect(items[0]?.node).toMatchObject({
      oldState: null,
      newState: 'PENDING',
      versionFrom: null,
      versionTo: 1,
      changedBy: 'tester',
      progress: 0,
    });
    expect(items[1]?.node).toMatchObject({ oldState: 'PENDING', newState: 'PROCESSING', versionFrom: 1, versionTo: 2, changedBy: 'alice' });
    expect(items[9]?.node).toMatchObject({
      oldState: 'PROCESSING',
      newState: 'PROCESSING',
      progress: 8,
      message: 'step 8',
      changedBy: 'bob',
    });
    expect(items.at(-1)?.node).toMatchObject({
      newState: 'CANCELLED',
      changedBy: 'carol',
      changeReason: 'enough',
      progress: 22,
      versionTo: 25,
    });
    const times = items.map(({ node }) => node.createdAt.getTime());
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  test('is read forward in pages, oldest first', async () => {
    const first = await trail({ first: 10 });
    expect(first).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
    const second = await trail({ first: 10, after: first.items.at(-1)?.cursor });
    expect(second).toMatchObject({ hasNextPage: true, hasPreviousPage: true });
    const third = await trail({ first: 10, after: second.items.at(-1)?.cursor });
    expect(third).toMatchObject({ hasNextPage: false, hasPreviousPage: true });
    const all = [first, second, third].flatMap(({ items }) => items.map(({ node }) => node.versionTo));
    expect(all).toEqual(range(1, changes));
  });

  test('is read backward in pages, each of them oldest first', async () => {
    const last = await trail({ last: 10 });
    expect(last.items.map(({ node }) => node.versionTo)).toEqual(range(16, 25));
    expect(last).toMatchObject({ hasNextPage: false, hasPreviousPage: true });
    const before = last.items[0]?.cursor;
    expect(await versions({ last: 10, before })).toEqual(range(6, 15));
    expect(await versions({ first: 3, before })).toEqual([1, 2, 3]);
    expect(await versions({})).toEqual(range(1, 20));
  });

  test('may be asked for nothing', async () => {
    await expect(trail({ first: 0 })).resolves.toEqual({ items: [], hasNextPage: true, hasPreviousPage: false });
    const end = (await trail({ last: 1 })).items[0]?.cursor;
    await expect(trail({ after: end })).resolves.toEqual({ items: [], hasNextPage: false, hasPreviousPage: true });
  });

  test('of an assessment that there is not is refused, with any page', async () => {
    const after = (await trail({ first: 1 })).items[0]?.cursor;
    for (const page of [{}, { first: 0 }, { after }]) {
      expect(await refusalOf(setup.store.auditTrail('unknown', page, actor))).toBeInstanceOf(NotFoundError);
    }
    expect(await refusalOf(setup.store.auditTrail('trail', {}, { tenantId: 'stranger', subject: 'x' }))).toBeInstanceOf(NotFoundError);
  });

  test('refuses cursors of lists', async () => {
    const { items } = await setup.store.listAssessments({ first: 1 }, actor);
    await expect(trail({ after: items[0]?.cursor })).rejects.toMatchObject({ code: 'INVALID_INPUT', fields: [{ path: ['after'] }] });
  });
});

test('the trails of many assessments, the same page, are one statement', async () => {
  const { items } = await setup.store.listAssessments({}, actor);
  const loaders = setup.store.loaders(actor);
  setup.statements.length = 0;
  const trails = await Promise.all(items.map(({ node }) => loaders.auditTrail(node, { last: 2 })));
  expect(setup.statements.filter((sql) => sql.includes('select'))).toHaveLength(1);
  expect(trails.map((one) => one.items.map(({ node }) => [node.assessmentId, node.versionTo]))).toEqual(
    items.map(({ node }) => [
      [node.assessmentId, 24],
      [node.assessmentId, 25],
    ]),
  );
});
