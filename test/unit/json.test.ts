import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jsonProblem, textProblem } from '../../src/store/json.ts';

const objectsDeep = (depth: number): unknown => {
  let value: unknown = 'leaf';
  for (let level = 0; level < depth; level++) value = { a: value };
  return value;
};
const arraysDeep = (depth: number): unknown => {
  let value: unknown = 1;
  for (let level = 0; level < depth; level++) value = [value];
  return value;
};

describe('what can be kept as JSON', () => {
  test('is everything that JSON can say', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        expect(jsonProblem(value)).toBeUndefined();
      }),
    );
  });

  test('is nested 64 levels deep at most', () => {
    for (const deep of [objectsDeep, arraysDeep]) {
      expect(jsonProblem(deep(64))).toBeUndefined();
      expect(jsonProblem(deep(65))?.message).toBe('must not be nested deeper than 64 levels');
    }
  });

  test('is refused, not overflowed by, when it is 100,000 deep or holds itself', () => {
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = cyclic;
    const twice: unknown[] = [];
    twice.push(twice, twice);
    for (const value of [objectsDeep(100_000), arraysDeep(100_000), cyclic, twice]) {
      expect(jsonProblem(value)?.message).toBe('must not be nested deeper than 64 levels');
    }
  });

  test.each([
    ['NUL', 'a\0b', /^(has a key that )?must not hold the NUL character/],
    ['a high surrogate alone', 'a\ud83d', /surrogate without its partner/],
    ['a low surrogate alone', '\ude00a', /surrogate without its partner/],
    ['surrogates the wrong way round', '\ude00\ud83d', /surrogate without its partner/],
  ])('has no %s, neither in a string nor in a key', (_, text, message) => {
    expect(jsonProblem({ list: ['fine', { inner: text }] })).toMatchObject({
      path: ['list', '1', 'inner'],
      message: expect.stringMatching(message),
    });
    expect(jsonProblem({ outer: { [text]: 1 } })).toMatchObject({ path: ['outer'], message: expect.stringMatching(message) });
  });

  test('has whole characters, also beyond the first plane', () => {
    expect(jsonProblem({ '😀': '😀 \u0001 \uffff' })).toBeUndefined();
    expect(textProblem('😀')).toBeUndefined();
  });

  test.each([
    ['undefined in a list', [undefined], 'undefined'],
    ['a hole in a list', new Array(1), 'undefined'],
    ['a function', { f: () => 1 }, 'function'],
    ['a symbol', { f: Symbol('s') }, 'symbol'],
    ['a bigint', { f: 1n }, 'bigint'],
    ['NaN', { f: Number.NaN }, 'NaN'],
    ['Infinity', { f: Number.POSITIVE_INFINITY }, 'Infinity'],
    ['a date', { f: new Date(0) }, 'Date'],
    ['a map', { f: new Map() }, 'Map'],
    ['a buffer', { f: Buffer.from('a') }, 'Buffer'],
  ])('has no %s', (_, value, named) => {
    expect(jsonProblem(value)?.message).toContain(named);
  });

  test('leaves out what is undefined in an object, as JSON does, and takes objects without a prototype', () => {
    expect(jsonProblem({ gone: undefined })).toBeUndefined();
    expect(jsonProblem(Object.assign(Object.create(null), { a: 1 }))).toBeUndefined();
  });
});
