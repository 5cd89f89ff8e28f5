import { setImmediate as nextTurn } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { Coalescer, type CoalescerOptions } from '../../src/store/coalescer.ts';

interface Item {
  key: string;
  bytes?: number;
  poisoned?: boolean;
}

class Poison extends Error {}

interface Statement {
  keys: string[];
  /** Lets the statement pass, or be refused for the poisoned item it holds. */
  finish: () => void;
}

// Statements that end when the test says so: what a database does, made visible.
let statements: Statement[];
beforeEach(() => {
  statements = [];
});

const execute = (items: readonly Item[]): Promise<string[]> =>
  new Promise((resolve, reject) => {
    const keys = items.map(({ key }) => key);
    const finish = () => (items.some((item) => item.poisoned) ? reject(new Poison(keys.join())) : resolve(keys.map((key) => `did ${key}`)));
    statements.push({ keys, finish });
  });

const coalescer = (options: Partial<CoalescerOptions<Item, string>> = {}) =>
  new Coalescer<Item, string>({
    execute,
    laneOf: () => 'a tenant',
    keyOf: ({ key }) => key,
    sizeOf: ({ bytes = 0 }) => bytes,
    isItemFault: (error) => error instanceof Poison,
    concurrency: 1,
    ...options,
  });

const settled = async (turns = 5) => {
  for (let turn = 0; turn < turns; turn++) await nextTurn();
};
const sent = () => statements.map(({ keys }) => keys.join());

describe('a coalescer', () => {
  test('sends at once while a statement is free', async () => {
    const one = coalescer().run({ key: 'a' });
    await settled();
    expect(sent()).toEqual(['a']);
    statements[0]?.finish();
    await expect(one).resolves.toBe('did a');
  });

  test('lets those that arrive in the same moment share a statement, and answers each with its own outcome', async () => {
    const commands = coalescer();
    const all = Promise.all(['a', 'b', 'c'].map((key) => commands.run({ key })));
    await settled();
    expect(sent()).toEqual(['a,b,c']);
    statements[0]?.finish();
    await expect(all).resolves.toEqual(['did a', 'did b', 'did c']);
  });

  test('gathers what arrives while all statements are under way, and sends it as one as soon as one is free', async () => {
    const commands = coalescer({ concurrency: 2 });
    const all: Promise<string>[] = [];
    for (const key of ['a', 'b', 'c', 'd', 'e']) {
      all.push(commands.run({ key }));
      await settled();
    }
    expect(sent()).toEqual(['a', 'b']);
    statements[1]?.finish();
    await settled();
    expect(sent()).toEqual(['a', 'b', 'c,d,e']);
    statements[0]?.finish();
    statements[2]?.finish();
    await expect(Promise.all(all)).resolves.toHaveLength(5);
  });

  test('never has more statements under way than it may, and is as quick again afterwards', async () => {
    let underWay = 0;
    let most = 0;
    const commands = coalescer({
      concurrency: 2,
      maxItems: 3,
      execute: async (items) => {
        most = Math.max(most, ++underWay);
        await nextTurn();
        underWay--;
        return items.map(({ key }) => key);
      },
    });
    const keys = Array.from({ length: 100 }, (_, index) => String(index));
    await expect(Promise.all(keys.map((key) => commands.run({ key })))).resolves.toEqual(keys);
    expect(most).toBe(2);
    await expect(commands.run({ key: 'later' })).resolves.toBe('later');
  });

  test('never puts two items of one key into one statement, and keeps their order', async () => {
    const commands = coalescer({ concurrency: 3 });
    const all = Promise.all(['a', 'a', 'b', 'a'].map((key) => commands.run({ key })));
    for (const expected of [['a,b'], ['a,b', 'a'], ['a,b', 'a', 'a']]) {
      await settled();
      expect(sent()).toEqual(expected);
      statements.at(-1)?.finish();
    }
    await all;
  });

  test('goes on with the next item of a key after one that failed', async () => {
    const commands = coalescer();
    const first = commands.run({ key: 'a', poisoned: true });
    const second = commands.run({ key: 'a' });
    await settled();
    statements[0]?.finish();
    await expect(first).rejects.toBeInstanceOf(Poison);
    await settled();
    statements[1]?.finish();
    await expect(second).resolves.toBe('did a');
  });

  test('splits what would be too large, and sends a very large item alone', async () => {
    const commands = coalescer({ maxBytes: 10 });
    const all = [4, 6, 1, 50, 5, 5].map((bytes, index) => commands.run({ key: String(index), bytes }));
    for (const expected of ['0,1', '2', '3', '4,5']) {
      await settled();
      expect(sent().at(-1)).toBe(expected);
      statements.at(-1)?.finish();
    }
    await expect(Promise.all(all)).resolves.toHaveLength(6);
    expect(statements).toHaveLength(4);
  });

  test('splits what would be too many', async () => {
    const commands = coalescer({ maxItems: 2, concurrency: 10 });
    const all = Promise.all(['a', 'b', 'c', 'd', 'e'].map((key) => commands.run({ key })));
    await settled();
    expect(sent()).toEqual(['a,b', 'c,d', 'e']);
    for (const statement of statements) statement.finish();
    await expect(all).resolves.toHaveLength(5);
  });
});
