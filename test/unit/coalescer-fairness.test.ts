import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Coalescer } from '../../src/store/coalescer.ts';

interface Item {
  tenant: string;
  key: string;
  bytes?: number;
  poisoned?: boolean;
}

class Poison extends Error {}

/** A coalescer whose statements take a turn of the event loop, and what they held. */
function start(concurrency: number, options: { maxBytes?: number } = {}) {
  const statements: Item[][] = [];
  const commands = new Coalescer<Item, string>({
    execute: async (items) => {
      statements.push([...items]);
      await nextTurn();
      if (items.some(({ poisoned }) => poisoned)) throw new Poison();
      return items.map(({ key }) => key);
    },
    keyOf: ({ tenant, key }) => `${tenant} ${key}`,
    laneOf: ({ tenant }) => tenant,
    sizeOf: ({ bytes = 0 }) => bytes,
    isItemFault: (error) => error instanceof Poison,
    concurrency,
    ...options,
  });
  const run = (tenant: string, count: number, rest: Partial<Item> = {}) =>
    Promise.allSettled(Array.from({ length: count }, (_, index) => commands.run({ tenant, key: String(index), ...rest })));
  return { statements, run };
}

const heldBy = (statement: Item[] = [], tenant: string): number => statement.filter((item) => item.tenant === tenant).length;

test.each([1, 2, 8])('who floods the service makes another wait for no more than the statements under way (%i)', async (concurrency) => {
  const { statements, run } = start(concurrency);
  const flood = run('large', 20_000);
  await nextTurn(); // its first statements are under way
  const underWay = statements.length;
  await run('small', 10);
  expect(underWay).toBe(concurrency);
  // The next to be sent has all ten, and is full.
  expect(heldBy(statements[underWay], 'small')).toBe(10);
  expect(statements[underWay]).toHaveLength(500);
  expect(statements.length).toBeLessThanOrEqual(3 * concurrency);
  await flood;
});

test('two that flood it have half of every statement each, and each its own order', async () => {
  const { statements, run } = start(1);
  await Promise.all([run('a', 3_000), run('b', 3_000)]);
  expect(statements.map((statement) => [heldBy(statement, 'a'), heldBy(statement, 'b')])).toEqual(Array(12).fill([250, 250]));
  for (const tenant of ['a', 'b'])
    expect(statements.flat().flatMap((item) => (item.tenant === tenant ? [item.key] : []))).toEqual(
      Array.from({ length: 3_000 }, (_, index) => String(index)),
    );
});

test('one alone has full statements, in its own order', async () => {
  const { statements, run } = start(2);
  await run('alone', 5_000);
  expect(statements.map(({ length }) => length)).toEqual(Array(10).fill(500));
  expect(statements.flat().map(({ key }) => key)).toEqual(Array.from({ length: 5_000 }, (_, index) => String(index)));
});

test('large bodies of one do not keep the small ones of another waiting', async () => {
  const { statements, run } = start(1, { maxBytes: 1_000 });
  const flood = run('large', 200, { bytes: 900 });
  await nextTurn();
  await run('small', 10, { bytes: 10 });
  // One of the large ones in each, and as many of the others as fit in.
  expect(statements.length).toBeLessThanOrEqual(4);
  await flood;
  expect(statements.length).toBeGreaterThanOrEqual(200);
});

test('what the database refuses for one tenant’s sake is none of another’s: not the same statement again, nor the next ones', async () => {
  const { statements, run } = start(1);
  const flood = run('poisonous', 250, { poisoned: true });
  const together = run('neighbour', 250);
  await together;
  expect(statements).toHaveLength(3); // all, those of the one, those of the other
  expect(await together).not.toContainEqual(expect.objectContaining({ status: 'rejected' }));
  const before = statements.length;
  await run('later', 10);
  expect(statements.slice(before).findIndex((statement) => heldBy(statement, 'later') === 10)).toBeLessThanOrEqual(1);
  const outcomes = await flood;
  expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(250);
});
