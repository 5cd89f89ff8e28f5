import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import type { Place } from '../../src/context.ts';
import { Admission, type AdmissionOptions, isShed } from '../../src/http/admission.ts';
import { AdmissionLine, type InLine } from '../../src/http/admission-line.ts';
import { type OperationKind, operationKinds } from '../../src/http/operation-kind.ts';

let admission: Admission;
let lateMs = 0;
const refused: OperationKind[] = [];
const start = (options: Partial<AdmissionOptions> = {}): void => {
  admission = new Admission({
    ...{ places: 100, lists: 5, patienceMs: 60_000, lateMs: () => lateMs, onRefused: (kind) => void refused.push(kind) },
    ...options,
  });
};
afterEach(() => {
  admission.stop();
  lateMs = 0;
  refused.length = 0;
});

type Entered = ReturnType<Admission['enter']>;
const isPlace = (entered: Entered): entered is Place => !(entered instanceof Promise) && !isShed(entered);
/** Takes places until there is none at once; who has to wait for one leaves it as soon as it has it. */
const fill = (kind: OperationKind): Place[] => {
  const places: Place[] = [];
  for (;;) {
    const entered = admission.enter(kind);
    if (isPlace(entered)) places.push(entered);
    else {
      void Promise.resolve(entered).then((one) => isShed(one) || one.leave());
      return places;
    }
  }
};

test('each kind leaves room for what is more urgent, and has a few places of its own', () => {
  start();
  const own = operationKinds.toReversed().map((kind) => fill(kind).length);
  expect(own).toEqual([5, 55, 10, 10, 10, 10]); // lists, watches, reads, submissions, claims, reports
  expect(admission.working).toBe(100);
});

test('with all places taken by the most urgent, all others still have their few', () => {
  start();
  expect(fill('report')).toHaveLength(100);
  for (const kind of ['claim', 'submission', 'read', 'watch', 'list'] as const) expect(fill(kind)).toHaveLength(5);
});

test('who waits is let in by urgency, and within a kind in the order of arrival', async () => {
  start({ places: 10 });
  const taken = operationKinds.toReversed().flatMap(fill); // and one of each kind waits by now
  const order: string[] = [];
  const wait = (kind: OperationKind, name: string): void => {
    void Promise.resolve(admission.enter(kind)).then((place) => {
      order.push(name);
      (place as Place).leave();
    });
  };
  for (const kind of operationKinds.toReversed()) for (const name of ['first', 'second']) wait(kind, `${kind} ${name}`);
  expect(admission.waiting).toBe(18);
  for (const place of taken) place.leave();
  await new Promise(setImmediate);
  for (const kind of operationKinds) {
    expect(order.indexOf(`${kind} first`)).toBeLessThan(order.indexOf(`${kind} second`));
  }
  expect(order.indexOf('report first')).toBeLessThan(order.indexOf('list first'));
});

test('a full line refuses at once, with when to try again, and tells of it', () => {
  start({ places: 1, lists: 1 });
  expect(isPlace(admission.enter('report'))).toBe(true);
  const entered = Array.from({ length: 12 }, () => admission.enter('report'));
  const sheds = entered.filter((one) => !(one instanceof Promise) && isShed(one));
  expect(sheds).toHaveLength(2);
  for (const shed of sheds) expect(shed).toEqual({ retryAfterMs: expect.any(Number) });
  expect(refused).toEqual(['report', 'report']);
  expect(admission.waiting).toBe(10);
});

test('who has waited too long is refused, and nobody waits any more', async () => {
  start({ places: 1, lists: 1, patienceMs: 50 });
  expect(isPlace(admission.enter('report'))).toBe(true);
  const waited = await Promise.all(Array.from({ length: 3 }, () => admission.enter('report')));
  expect(waited.every(isShed)).toBe(true);
  expect(refused).toEqual(['report', 'report', 'report']);
  expect(admission.waiting).toBe(0);
});

test('a line knows from how it gets on how long one more would wait', () => {
  const line = new AdmissionLine();
  const one: InLine = { deadline: 0, begin: () => {}, refuse: () => {} };
  for (let count = 0; count < 50; count++) line.join(one, 1_000);
  expect(line.expectedMs(1_000)).toBe(0); // nothing is known yet
  for (let now = 1_010; now <= 1_200; now += 10) line.next(now);
  expect(line.expectedMs(1_200)).toBe(30 * 10); // 30 wait, and one begins every 10 ms
  expect(line.expectedMs(1_399)).toBe(30 * 10);
  expect(line.expectedMs(1_400)).toBe(30 * 200); // none has begun for 200 ms
  for (let count = 0; count < 30; count++) line.next(1_401);
  line.join(one, 2_000);
  line.join(one, 2_000);
  expect(line.expectedMs(2_000)).toBe(0); // that was long ago
  for (let now = 2_010; now <= 2_200; now += 10) {
    line.next(now);
    line.next(now);
    for (let count = 0; count < 8; count++) line.pass(); // it is empty again and again, and those who come then begin at once
    line.join(one, now);
    line.join(one, now);
  }
  expect(line.expectedMs(2_200)).toBeCloseTo(2, 0); // 200 have begun in 200 ms, and 2 wait
});

test('a late loop refuses the less urgent first, and lets those who begin to watch wait', () => {
  start({ patienceMs: 500 });
  const kindsLetIn = (late: number) => {
    lateMs = late;
    return operationKinds.filter((kind) => isPlace(admission.enter(kind)));
  };
  expect(kindsLetIn(0)).toEqual([...operationKinds]);
  expect(kindsLetIn(126)).toEqual(['report', 'claim', 'submission', 'read', 'watch']);
  expect(kindsLetIn(201)).toEqual(['report', 'claim', 'watch']);
  expect(admission.isShut).toBe(false);
  expect(kindsLetIn(251)).toEqual(['watch']);
  expect(admission.isShut).toBe(true);
});

test('a loop that is late all the time gets fewer places to work on, and as many as before when it is in time again', () => {
  start();
  const counted = (lateMs: number, times: number) => {
    for (let time = 0; time < times; time++) admission.adapt(lateMs);
    return admission.places;
  };
  expect(counted(29, 10)).toBe(100);
  expect(counted(31, 1)).toBe(70);
  expect(counted(31, 100)).toBe(10);
  const places = fill('report');
  expect(places).toHaveLength(10);
  expect(counted(0, 1)).toBe(15);
  expect(fill('report')).toHaveLength(4); // one was let in who waited
  expect(counted(0, 100)).toBe(100);
});

test('resting gives back the place of those who wait for something, and of no others', () => {
  start();
  const places = operationKinds.map((kind) => admission.enter(kind) as Place);
  for (const place of places) place.rest();
  expect(admission.working).toBe(4);
  for (const place of places) for (let times = 0; times < 3; times++) place.leave();
  expect(admission.working).toBe(0);
});

test('whatever comes and goes, the places are never exceeded, and all are free in the end', async () => {
  const step = fc.record({ kind: fc.constantFrom(...operationKinds), leave: fc.nat({ max: 3 }) });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 200 }), async (steps) => {
      start({ places: 8, lists: 2 });
      const held: Place[] = [];
      const waits: Promise<unknown>[] = [];
      const keep = (entered: Awaited<Entered>): void => void (isShed(entered) || held.push(entered));
      for (const { kind, leave } of steps) {
        const entered = admission.enter(kind);
        if (entered instanceof Promise) waits.push(entered.then(keep));
        else keep(entered);
        for (const place of held.splice(0, leave)) place.leave();
        await null;
        expect(admission.working).toBeLessThanOrEqual(8 + 5); // and one of its own for each of the others
      }
      for (let round = 0; admission.working > 0 || admission.waiting > 0; round++) {
        expect(round).toBeLessThan(1_000);
        for (const place of held.splice(0)) place.leave();
        await new Promise(setImmediate);
      }
      await Promise.all(waits);
    }),
    { numRuns: 50 },
  );
});
