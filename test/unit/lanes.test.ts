import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Lanes } from '../../src/store/lanes.ts';
import { Slots } from '../../src/store/slots.ts';

const drain = (lanes: Lanes<string>): string[] => {
  const all: string[] = [];
  while (lanes.size > 0) all.push(lanes.shift() ?? 'nothing');
  return all;
};

test('one lane is a queue', () => {
  const lanes = new Lanes<string>();
  const items = Array.from({ length: 5_000 }, (_, index) => String(index));
  for (const item of items) lanes.push('a', item);
  expect(drain(lanes)).toEqual(items);
  expect(lanes.shift()).toBeUndefined();
});

test('several take turns, whoever came first and however many there are', () => {
  const lanes = new Lanes<string>();
  for (let index = 0; index < 5; index++) lanes.push('a', `a${index}`);
  lanes.push('b', 'b0');
  for (let index = 0; index < 2; index++) lanes.push('c', `c${index}`);
  expect(drain(lanes)).toEqual(['a0', 'b0', 'c0', 'a1', 'c1', 'a2', 'a3', 'a4']);
});

test('what does not fit keeps its turn', () => {
  const lanes = new Lanes<string>();
  for (const item of ['a-large', 'a', 'b', 'b2']) lanes.push(item[0] ?? '', item);
  const fits = (item: string) => item.length < 3;
  expect([lanes.shift(fits), lanes.shift(fits), lanes.shift(fits)]).toEqual(['b', 'b2', undefined]);
  expect(drain(lanes)).toEqual(['a-large', 'a']);
});

test('whatever comes when: nothing is lost, each lane keeps its order, and nobody waits for more than one item of each other lane at a time', () => {
  const steps = fc.array(fc.oneof(fc.constantFrom('a', 'b', 'c'), fc.constant('take')), { maxLength: 300 });
  fc.assert(
    fc.property(steps, (sequence) => {
      const lanes = new Lanes<{ lane: string; place: number }>();
      const pushed = new Map<string, number>();
      const passed = new Map<string, Map<string, number>>();
      const taken = new Map<string, number>();
      for (const step of [...sequence, ...sequence.map(() => 'take')]) {
        if (step !== 'take') {
          const place = pushed.get(step) ?? 0;
          pushed.set(step, place + 1);
          lanes.push(step, { lane: step, place });
          continue;
        }
        const next = lanes.shift();
        if (next === undefined) continue;
        expect(next.place).toBe(taken.get(next.lane) ?? 0);
        taken.set(next.lane, next.place + 1);
        passed.delete(next.lane);
        for (const [lane, count] of pushed) {
          if (lane === next.lane || count === (taken.get(lane) ?? 0)) continue;
          const others = passed.get(lane) ?? new Map<string, number>();
          others.set(next.lane, (others.get(next.lane) ?? 0) + 1);
          passed.set(lane, others);
          expect(others.get(next.lane)).toBe(1);
        }
      }
      expect(lanes.size).toBe(0);
      expect(taken).toEqual(pushed);
    }),
  );
});

test('slots are given to the tenants in turns', async () => {
  const slots = new Slots(1);
  const begun: string[] = [];
  const task = (name: string, lane: string) => slots.run(async () => void begun.push(name), lane);
  await Promise.all([...Array.from({ length: 100 }, (_, index) => task(`a${index}`, 'a')), task('b0', 'b'), task('b1', 'b')]);
  expect(begun.slice(0, 6)).toEqual(['a0', 'a1', 'b0', 'a2', 'b1', 'a3']);
  expect(begun).toHaveLength(102);
});
