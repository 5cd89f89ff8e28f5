import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FatalError, type Handler, RetryableError } from '../../src/worker/index.ts';
import { actor } from '../support/test-store.ts';
import { endOf, startWorkerBench, submitOne, type WorkerBench } from './support/worker-bench.ts';

let bench: WorkerBench;
const handlers = new Map<string, Handler>();
beforeAll(async () => {
  bench = await startWorkerBench();
  bench.work({
    maxResultBytes: 10_000,
    handlers: { HEALTH: (work) => handlers.get(work.assessment.assessmentId)?.(work) },
  });
});
afterAll(() => bench.stop());

let count = 0;
/** Has one assessment done by the handler; gives it as it ends. */
async function outcomeOf(handler: Handler, maxRetries = 0) {
  const assessmentId = `failing-${++count}`;
  handlers.set(assessmentId, handler);
  await submitOne(bench.store, { assessmentId, maxRetries });
  return endOf(bench.store, assessmentId);
}

class Oddity {
  readonly #hidden = 1;
  get hidden() {
    return this.#hidden;
  }
}
class NamelessError extends Error {}

const cyclic: Record<string, unknown> = {};
cyclic['self'] = cyclic;
const throwing = (property: string) =>
  Object.defineProperty({}, property, {
    enumerable: true,
    get: () => {
      throw new Error('a getter that throws');
    },
  });

describe('whatever a handler throws fails its assessment, with a message', () => {
  const thrown: [string, unknown, string][] = [
    ['an error', new Error('no answer'), 'no answer'],
    ['undefined', undefined, 'undefined was thrown'],
    ['null', null, 'null was thrown'],
    ['a number', 42, '42 was thrown'],
    ['a symbol', Symbol('odd'), 'Symbol(odd) was thrown'],
    ['a BigInt', 7n, '7 was thrown'],
    ['a string', 'just text', 'just text'],
    ['an empty string', '', 'an empty string was thrown'],
    ['a frozen object', Object.freeze({ message: 'frozen' }), 'frozen'],
    ['an object without a prototype', Object.create(null), 'an object without a message was thrown'],
    ['an error without a message', new RangeError(''), 'RangeError'],
    ['an error of a class without a message', new NamelessError(), 'NamelessError'],
    ['an object of a class', new Oddity(), 'an object of the class Oddity was thrown'],
    ['an object whose message throws', throwing('message'), 'an object without a message was thrown'],
    [
      'a proxy that throws',
      new Proxy(
        {},
        {
          get: () => {
            throw new Error('no');
          },
          getPrototypeOf: () => {
            throw new Error('no');
          },
        },
      ),
      'an object without a message was thrown',
    ],
    ['a function', () => {}, 'an object of the class Function was thrown'],
    ['a message with NUL and half a surrogate', new Error('a\0b\uD800c'), 'a\uFFFDb\uFFFDc'],
    ['a giant message', new Error('x'.repeat(5_000_000)), 'x'.repeat(10_000)],
    ['a giant message that is cut within a character', new Error(`${'x'.repeat(9_999)}😀`), `${'x'.repeat(9_999)}\uFFFD`],
  ];
  test.each(thrown)('%s', async (_, what, message) => {
    const rejecting = outcomeOf(() => Promise.reject(what));
    const throwingAtOnce = outcomeOf(() => {
      throw what;
    });
    for (const { state, errorMessage } of await Promise.all([rejecting, throwingAtOnce]))
      expect({ state, errorMessage }).toEqual({ state: 'FAILED', errorMessage: message });
  });
});

describe('whether it is tried again', () => {
  const attempts = async (error: () => unknown): Promise<number> => {
    let tries = 0;
    await outcomeOf(() => {
      tries++;
      throw error();
    }, 1);
    return tries;
  };

  test('a FatalError, or any error whose retryable is false, is for good; all others are not', async () => {
    expect(
      await Promise.all([
        attempts(() => new FatalError('never')),
        attempts(() => Object.assign(new Error('never either'), { retryable: false })),
        attempts(() => new RetryableError('later')),
        attempts(() => new Error('unknown')),
        attempts(() => undefined),
      ]),
    ).toEqual([1, 1, 2, 2, 2]);
  });

  test('after a failed attempt the next one may complete', async () => {
    let tries = 0;
    const { state, retryCount, resultData } = await outcomeOf(() => {
      if (++tries === 1) throw new RetryableError('not yet');
      return { tries };
    }, 3);
    expect({ state, retryCount, resultData }).toEqual({ state: 'COMPLETED', retryCount: 1, resultData: { tries: 2 } });
  });
});

describe('a result that cannot be kept fails the assessment for good, and says why', () => {
  const results: [string, unknown, RegExp][] = [
    ['a BigInt', { a: { n: 1n } }, /result\.a\.n must be a JSON value, not bigint/],
    ['a cycle', cyclic, /nested deeper than 64 levels/],
    ['a function', { f: () => {} }, /result\.f must be a JSON value, not function/],
    ['an object of a class', { at: new Date() }, /result\.at must be a plain JSON object, not Date/],
    ['an object of a class itself', new Oddity(), /result must be a plain JSON object, not Oddity/],
    ['not a number', { n: Number.NaN }, /result\.n must be a finite number, not NaN/],
    ['undefined in a list', { list: [undefined] }, /result\.list\.0 must be a JSON value, not undefined/],
    ['NUL', { text: 'a\0' }, /result\.text must not hold the NUL character/],
    ['a getter that throws', throwing('a'), /throws when it is looked at/],
    ['a string', 'done', /must give a JSON object, or nothing, as its result; it gave a string/],
    ['an array', [1], /it gave an array/],
    ['null', null, /it gave null/],
    ['too large', { text: 'x'.repeat(10_000) }, /at most 10000 bytes of JSON; it is 10011 bytes/],
  ];
  test.each(results)('%s', async (_, result, message) => {
    const { state, errorMessage, retryCount } = await outcomeOf(async () => result as never, 5);
    expect({ state, retryCount }).toEqual({ state: 'FAILED', retryCount: 0 });
    expect(errorMessage).toMatch(message);
  });

  test('also where only the service finds that it is too large', async () => {
    const large = bench.work({
      types: ['SECURITY'],
      maxResultBytes: 100_000_000,
      handlers: { SECURITY: () => ({ text: 'x'.repeat(1_100_000) }) },
    });
    const beside = await submitOne(bench.store, { type: 'SECURITY', maxRetries: 5 });
    const { state, errorMessage } = await endOf(bench.store, beside);
    expect({ state, errorMessage }).toEqual({
      state: 'FAILED',
      errorMessage: 'result: must be at most 1048576 bytes of JSON; this is 1100011 bytes',
    });
    await large.stop();
  });
});

test('after all that the worker goes on working', async () => {
  expect((await outcomeOf(() => ({ still: 'here' }))).resultData).toEqual({ still: 'here' });
  expect((await bench.store.getHealthStatus()).status).toBe('HEALTHY');
  expect((await bench.store.queueStatus(actor)).processing).toBe(0);
});
