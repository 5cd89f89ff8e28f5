import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InvalidInputError } from '../../src/store/index.ts';
import { actor, startTestStore, type TestStore } from '../support/test-store.ts';

let setup: TestStore;
beforeAll(async () => {
  setup = await startTestStore();
});
afterAll(() => setup.stop());

const mebibyte = 1024 * 1024;

/** Metadata with which the whole request is just so many bytes of JSON. */
function metadataOf(bytes: number, assessmentId: string, text: (length: number) => string) {
  const around = Buffer.byteLength(JSON.stringify({ assessmentId, type: 'HEALTH', metadata: { text: '' } }));
  return { text: text(bytes - around) };
}
const letters = (length: number) => 'x'.repeat(length);
const create = (assessmentId: string, metadata: { [key: string]: unknown }) =>
  setup.store.createAssessment({ assessmentId, type: 'HEALTH', metadata }, actor);

describe('a key', () => {
  test.each([
    ['255 letters', 'k'.repeat(255)],
    ['255 emoji', '😀'.repeat(255)],
    ['quotes, percent and backslashes', `'; drop table x; -- "%_\\`],
    ['blanks and line ends', ' \t\r\n '],
    ['what another would normalise', 'é e\u0301'],
  ])('may be %s, and finds its assessment again', async (_, assessmentId) => {
    await setup.store.createAssessment({ assessmentId, type: 'HEALTH' }, actor);
    await setup.store.startProcessing({ assessmentId }, actor);
    expect(await setup.store.getState(assessmentId, actor)).toMatchObject({ assessmentId, state: 'PROCESSING' });
    const { items } = await setup.store.listAssessments({ where: { assessmentId: { eq: assessmentId } } }, actor);
    expect(items).toHaveLength(1);
  });

  test('is compared character by character', async () => {
    await setup.store.createAssessment({ assessmentId: 'Case', type: 'HEALTH' }, actor);
    await expect(setup.store.getState('case', actor)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(setup.store.getState('Case ', actor)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('a request', () => {
  test('may be exactly 1 MiB of JSON, and comes back whole', async () => {
    const metadata = metadataOf(mebibyte, 'large', letters);
    await create('large', metadata);
    expect((await setup.store.getState('large', actor)).requestData['metadata']).toEqual(metadata);
  });

  test('is refused with its size when it is one byte more, also when only its bytes are too many', async () => {
    const euros = (length: number) => '€'.repeat(Math.ceil(length / 3));
    for (const text of [letters, euros]) {
      const creation = create('larger', metadataOf(mebibyte + 1, 'larger', text));
      await expect(creation).rejects.toBeInstanceOf(InvalidInputError);
      await expect(creation).rejects.toMatchObject({
        fields: [
          { path: ['metadata'], message: expect.stringMatching(/^must be at most 1048576 bytes of JSON; this is 10485\d\d bytes$/) },
        ],
      });
    }
    await expect(setup.store.getState('larger', actor)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test.each([
    ['distinct words', (index: number) => `w${index.toString(36)}`],
    ['distinct long words', (index: number) => `${index.toString(36).padStart(6, '0')}${'y'.repeat(60)}`],
    ['distinct addresses', (index: number) => `https://h${index.toString(36)}.example.com/p${index}/q?r=${index}`],
    ['distinct hyphenated words', (index: number) => `a${index}-b${index}-c${index}-d${index}`],
    ['distinct short words of another script', (index: number) => String.fromCodePoint(0x4e00 + (index % 20_000), 0x3041 + (index % 80))],
    ['numbers', (index: number) => String(index)],
  ])('of nearly 1 MiB of %s does not break the search', async (name, word) => {
    const words: string[] = [];
    for (let bytes = 200; bytes < mebibyte - 200; ) {
      const next = word(words.length);
      words.push(next);
      bytes += Buffer.byteLength(next) + 1;
    }
    await create(name, { text: words.join(' ') });
    const { items } = await setup.store.searchAssessments({ search: `"${words[1]}"`, where: { assessmentId: { eq: name } } }, actor);
    expect(items.map(({ node }) => node.assessmentId)).toEqual([name]);
  });

  test('may be of one enormous word, or of many keys', async () => {
    await create('enormous', { text: letters(900_000) });
    await create('many keys', Object.fromEntries(Array.from({ length: 50_000 }, (_, index) => [`key${index}`, index])));
  });

  test('comes back as it went in: numbers, escapes, odd keys', async () => {
    const metadata = { '': 0, __proto__x: 1, big: 1e300, small: -1.5e-7, text: '\u0001\t"\\/€😀\u2028', nested: [[[]], {}, null, true] };
    await create('exact', metadata);
    expect((await setup.store.getState('exact', actor)).requestData['metadata']).toEqual(metadata);
    const own = JSON.parse('{"__proto__": {"a": 1}, "constructor": {"b": 2}}') as { [key: string]: unknown };
    await create('own', own);
    expect(JSON.stringify((await setup.store.getState('own', actor)).requestData['metadata'])).toBe(JSON.stringify(own));
  });

  test('and 60 large ones at once are each created', async () => {
    const keys = Array.from({ length: 60 }, (_, index) => `one of many ${index}`);
    const created = await Promise.all(keys.map((key) => create(key, { text: letters(300_000) })));
    expect(created.every((one) => one.created)).toBe(true);
  });
});

describe('a result', () => {
  test('may be up to 1 MiB of JSON and no more', async () => {
    await setup.store.createAssessment({ assessmentId: 'result', type: 'HEALTH' }, actor);
    await setup.store.startProcessing({ assessmentId: 'result' }, actor);
    const complete = (length: number) =>
      setup.store.completeAssessment({ assessmentId: 'result', result: { text: letters(length) } }, actor);
    await expect(complete(mebibyte - 10)).rejects.toMatchObject({ fields: [{ path: ['result'] }] });
    await complete(mebibyte - 11);
    expect((await setup.store.getState('result', actor)).resultData).toEqual({ text: letters(mebibyte - 11) });
  });
});
