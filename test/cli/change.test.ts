import { afterAll, beforeAll, expect, test } from 'vitest';
import { actor, type CliBench, startCliBench } from './cli-bench.ts';
import { valuesOf } from './cli-process.ts';

let bench: CliBench;
beforeAll(async () => {
  bench = await startCliBench();
});
afterAll(() => bench.stop());

const stateOf = (id: string) => bench.service.app.store.getState(id, actor);
const reasonOf = async (id: string) => (await bench.service.app.store.auditTrail(id, { last: 1 }, actor)).items[0]?.node.changeReason;

test('cancel: a line for each, in the order given, with the reason in the history', async () => {
  await bench.submit('c-1');
  await bench.submit('c-2');
  await bench.begin('c-2', 50, 'half way');
  const { code, out, err } = await bench.run(['cancel', 'c-2', 'c-1', 'c-2', '--reason', 'the server is gone']);
  expect({ code, out, err }).toEqual({ code: 0, out: 'c-2  CANCELLED  half way\nc-1  CANCELLED\n', err: '' });
  for (const id of ['c-1', 'c-2']) {
    expect(await stateOf(id)).toMatchObject({ state: 'CANCELLED' });
    expect(await reasonOf(id)).toBe('the server is gone');
  }
});

test('retry: what has FAILED is PENDING again', async () => {
  await bench.submit('r');
  await bench.begin('r');
  await bench.fail('r', 'no luck');
  expect(await bench.run(['retry', 'r', '--reason', 'mended'])).toMatchObject({
    ...{ code: 0, out: 'r  PENDING  retry 1: no luck\n', err: '' },
  });
  expect(await reasonOf('r')).toBe('mended');
});

test('what is refused is told of each, and exits 6; the others are changed all the same', async () => {
  await bench.submit('pending');
  await bench.submit('completed');
  await bench.begin('completed');
  await bench.complete('completed');
  const { code, out, err } = await bench.run(['cancel', 'completed', 'never-was', 'pending', '--json']);
  expect(valuesOf(err)).toEqual([
    { error: { code: 'INVALID_TRANSITION', assessmentId: 'completed', message: expect.stringContaining('Nothing can follow COMPLETED') } },
    { error: { code: 'NOT_FOUND', assessmentId: 'never-was', message: 'There is no assessment "never-was".' } },
  ]);
  expect(valuesOf(out)).toMatchObject([{ assessmentId: 'pending', state: 'CANCELLED', version: 2 }]);
  expect(code).toBe(6);
  expect(await bench.run(['retry', 'pending'])).toMatchObject({ code: 6, out: '', err: expect.stringContaining('is CANCELLED') });
});

test('--expected-version: only when nothing has happened since', async () => {
  await bench.submit('versioned');
  await bench.begin('versioned');
  const args = ['cancel', 'versioned', '--expected-version'];
  expect(await bench.run([...args, '1'])).toMatchObject({ code: 6, out: '', err: expect.stringContaining('has version 2, not 1') });
  expect(await bench.run([...args, '2'])).toMatchObject({ code: 0, out: 'versioned  CANCELLED\n' });
});
