import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { connectionOf, decodeCursor, encodeCursor, windowOf } from '../../src/store/cursor.ts';
import { InvalidInputError } from '../../src/store/errors.ts';

const place = fc.array(fc.oneof(fc.integer(), fc.string(), fc.string({ unit: 'grapheme' }), fc.constant(null)), { maxLength: 4 });
const alphabet = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'];

describe('a cursor', () => {
  test('leads back to its place', () => {
    fc.assert(
      fc.property(fc.string(), place, (kind, values) => {
        expect(decodeCursor(kind, encodeCursor(kind, values), 'after')).toEqual(values);
      }),
    );
  });

  test('is refused when any one character is another', () => {
    const cursor = encodeCursor('CREATED_AT DESC', ['2026-11-22T05:00:00.000Z', '0193f5a8-0000-7000-8000-000000000000']);
    const changed = [...cursor].flatMap((now, at) =>
      alphabet.filter((other) => other !== now).map((other) => cursor.slice(0, at) + other + cursor.slice(at + 1)),
    );
    const isRefused = (text: string) => {
      try {
        decodeCursor('CREATED_AT DESC', text, 'after');
        return false;
      } catch (error) {
        return error instanceof InvalidInputError;
      }
    };
    expect(changed.length).toBe(cursor.length * 63);
    expect(changed.filter((text) => !isRefused(text))).toEqual([]);
  });

  test('is refused when it is cut, lengthened, or made up', () => {
    const changes = fc.oneof(
      fc.nat(20).map((cut) => (cursor: string) => cursor.slice(0, -1 - cut)),
      fc.string({ minLength: 1 }).map((more) => (cursor: string) => cursor + more),
      fc.string().map((made) => () => made),
      fc.base64String().map((made) => () => made),
    );
    fc.assert(
      fc.property(place, changes, (values, change) => {
        expect(() => decodeCursor('A', change(encodeCursor('A', values)), 'before')).toThrow(/^before: is not a cursor/);
      }),
    );
  });

  test('of another list or order is refused by the name of its argument', () => {
    const cursor = encodeCursor('PRIORITY ASC', [5, 'id']);
    expect(() => decodeCursor('PRIORITY DESC', cursor, 'after')).toThrow(/^after: is a cursor of another list/);
  });

  test('that is very long is refused', () => {
    expect(() => decodeCursor('A', encodeCursor('A', ['x'.repeat(20_000)]), 'after')).toThrow(InvalidInputError);
  });
});

describe('a page', () => {
  const decode = (cursor: string) => cursor;

  test.each([
    [{ first: 101 }, 'first'],
    [{ first: -1 }, 'first'],
    [{ first: 1.5 }, 'first'],
    [{ last: 101 }, 'last'],
    [{ last: -1 }, 'last'],
    [{ first: 1, last: 1 }, 'last'],
  ])('%j is refused naming %s', (page, argument) => {
    expect(() => windowOf(page, decode)).toThrow(new RegExp(`^${argument}: `));
  });

  test('has 20 rows unless it says otherwise, and 0 to 100 when it does', () => {
    expect(windowOf({}, decode)).toMatchObject({ size: 20, backward: false });
    expect(windowOf({ first: null, last: null, after: null, before: null }, decode)).toMatchObject({ size: 20, after: undefined });
    expect(windowOf({ first: 0 }, decode).size).toBe(0);
    expect(windowOf({ last: 100 }, decode)).toMatchObject({ size: 100, backward: true });
  });

  test('knows from one row more than it shows whether there are more', () => {
    const forward = connectionOf([1, 2, 3], windowOf({ first: 2 }, decode), String);
    expect(forward).toEqual({ items: [1, 2].map((node) => ({ node, cursor: String(node) })), hasNextPage: true, hasPreviousPage: false });
    const backward = connectionOf([3, 2, 1], windowOf({ last: 2, before: '4' }, decode), String);
    expect(backward.items.map(({ node }) => node)).toEqual([2, 3]);
    expect(backward).toMatchObject({ hasNextPage: true, hasPreviousPage: true });
  });
});
