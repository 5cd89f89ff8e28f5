import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Coalescer } from '../../src/store/coalescer.ts';

class Poison extends Error {}
class Outage extends Error {}

interface Run {
  /** What each item was answered with, in the order of the answers. */
  answers: { item: number; outcome: string }[];
  statements: number[][];
}

/** Runs `count` items that arrive together, of which some are poisoned. */
async function runWith(count: number, poisoned: ReadonlySet<number>, failure: () => Error = () => new Poison()): Promise<Run> {
  const run: Run = { answers: [], statements: [] };
  const commands = new Coalescer<number, string>({
    execute: async (items) => {
      run.statements.push([...items]);
      if (items.some((item) => poisoned.has(item))) throw failure();
      return items.map((item) => `did ${item}`);
    },
    laneOf: () => 'a tenant',
    keyOf: String,
    sizeOf: () => 1,
    isItemFault: (error) => error instanceof Poison,
    concurrency: 1,
  });
  const items = Array.from({ length: count }, (_, index) => index);
  await Promise.all(
    items.map((item) =>
      commands.run(item).then(
        (outcome) => run.answers.push({ item, outcome }),
        (error: Error) => run.answers.push({ item, outcome: error.constructor.name }),
      ),
    ),
  );
  return run;
}

test('a poisoned item is refused alone, whichever and however many there are', async () => {
  const cases = fc
    .integer({ min: 1, max: 60 })
    .chain((count) => fc.tuple(fc.constant(count), fc.uniqueArray(fc.nat(count - 1), { maxLength: 5 })));
  await fc.assert(
    fc.asyncProperty(cases, async ([count, poisoned]) => {
      const { answers } = await runWith(count, new Set(poisoned));
      expect(answers).toHaveLength(count);
      for (const { item, outcome } of answers) expect(outcome).toBe(poisoned.includes(item) ? 'Poison' : `did ${item}`);
    }),
  );
});

test('no item is done twice', async () => {
  const { statements } = await runWith(64, new Set([0, 31, 63]));
  const done = statements.filter((items) => !items.some((item) => [0, 31, 63].includes(item))).flat();
  expect(done.toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: 64 }, (_, index) => index).filter((item) => ![0, 31, 63].includes(item)),
  );
});

test('one poisoned item among 500 is found in at most 19 statements', async () => {
  for (const culprit of [0, 137, 250, 499]) {
    const { statements } = await runWith(500, new Set([culprit]));
    expect(statements.length).toBeLessThanOrEqual(1 + 2 * Math.ceil(Math.log2(500)));
  }
});

test.each([0, 3, 7])('its neighbours are answered before it: item %i of 8', async (culprit) => {
  const { answers } = await runWith(8, new Set([culprit]));
  expect(answers.at(-1)).toEqual({ item: culprit, outcome: 'Poison' });
});

test('a failure that is no item’s fault is everybody’s, and is not tried again piece by piece', async () => {
  const { answers, statements } = await runWith(8, new Set([3]), () => new Outage());
  expect(answers.map(({ outcome }) => outcome)).toEqual(Array(8).fill('Outage'));
  expect(statements).toHaveLength(1);
});

test('an outcome that a statement owes is an error of that item alone', async () => {
  const commands = new Coalescer<string, string>({
    execute: async (items) => items.slice(1),
    laneOf: () => 'a tenant',
    keyOf: (item) => item,
    sizeOf: () => 0,
    isItemFault: () => false,
    concurrency: 1,
  });
  const [first, second] = await Promise.allSettled([commands.run('a'), commands.run('b')]);
  expect(first).toEqual({ status: 'fulfilled', value: 'b' });
  expect(second).toMatchObject({ status: 'rejected', reason: { message: 'a statement for 2 items gave no outcome for item 1' } });
});
