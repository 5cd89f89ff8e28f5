import { readdir, readFile } from 'node:fs/promises';
import { buildSchema, GraphQLEnumType, GraphQLInterfaceType } from 'graphql';
import { expect, test } from 'vitest';
import type { Assessment } from '../../src/store/index.ts';
import * as store from '../../src/store/index.ts';

const read = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');
const assessment = { assessmentId: 'a', state: 'COMPLETED', version: 3, claimedBy: 'w' } as Assessment;

/** One of every class of refusal. */
const refusals = [
  new store.InvalidInputError([{ path: ['a', '0'], message: 'is wrong' }]),
  new store.NotFoundError('a'),
  new store.AlreadyExistsError(assessment),
  new store.InvalidTransitionError(assessment, 'PENDING', []),
  new store.VersionConflictError(assessment, 2),
  new store.ClaimLostError(assessment),
];

/** The codes in the first column of the tables of a page. */
const documentedCodes = (page: string) => [...page.matchAll(/^\|\s*`([A-Z][A-Z_0-9]+)`\s*\|/gm)].map(([, code]) => code);

/** Codes that graphql-yoga and its plugins give, not we. */
const codesOfTheLibraries = ['BAD_REQUEST', 'GRAPHQL_VALIDATION_FAILED', 'OPERATION_RESOLUTION_FAILURE'];

test('every code has one class, named after it', () => {
  expect(refusals.map(({ code }) => code)).toEqual(store.errorCodes);
  for (const error of refusals) {
    expect(error).toBeInstanceOf(store.RefusalError);
    expect(
      error.name
        .replace(/Error$/, '')
        .replaceAll(/(?<=.)[A-Z]/g, '_$&')
        .toUpperCase(),
    ).toBe(error.code);
    expect(error.message).not.toBe('');
  }
  const classes = Object.values(store).filter((value) => typeof value === 'function' && value.prototype instanceof store.RefusalError);
  expect(refusals.map((error) => error.constructor).toSorted(byName)).toEqual(classes.toSorted(byName));
});

const byName = (a: unknown, b: unknown): number => String(Object(a).name).localeCompare(String(Object(b).name));

test('the schema has the same codes, and a type for each class', async () => {
  const schema = buildSchema(await read('schema.graphql'));
  const code = schema.getType('ErrorCode');
  const error = schema.getType('Error');
  if (!(code instanceof GraphQLEnumType) || !(error instanceof GraphQLInterfaceType))
    throw new Error('the schema has no ErrorCode or Error');
  expect(
    code
      .getValues()
      .map(({ name }) => name)
      .toSorted(),
  ).toEqual(store.errorCodes.toSorted());
  const types = schema.getPossibleTypes(error).map(({ name }) => name);
  expect(types.toSorted()).toEqual(refusals.map(({ name }) => name).toSorted());
});

test('docs/errors.md has a row for every code, and for none that is not there', async () => {
  const known = new Set<string | undefined>([
    ...store.errorCodes,
    ...['TIMEOUT', 'OVERLOADED', 'RATE_LIMITED', new store.CursorExpiredError().code],
    ...(await codesIn('src/http/', /(?:code: |\?\? )'([A-Z_]+)'/g)),
    ...(await codesIn('src/auth/', /code: '([A-Z_]+)'/g)),
    ...(await codesIn('prisma/migrations/', /ERRCODE = '(AS\d{3})'/g)),
    ...codesOfTheLibraries,
  ]);
  const documented = documentedCodes(await read('docs/errors.md'));
  expect([...known].filter((code) => !documented.includes(code))).toEqual([]);
  expect(documented.filter((code) => !known.has(code))).toEqual([]);
});

/** The codes that stand in the files of a folder. */
async function codesIn(folder: string, pattern: RegExp): Promise<(string | undefined)[]> {
  const files = await readdir(new URL(`../../${folder}`, import.meta.url), { recursive: true });
  const texts = await Promise.all(files.filter((file) => /\.(ts|sql)$/.test(file)).map((file) => read(`${folder}${file}`)));
  const codes = texts.flatMap((text) => [...text.matchAll(pattern)].map(([, code]) => code));
  expect(codes.length).toBeGreaterThan(0);
  return codes;
}

test('what is unavailable is no refusal: it may be tried again, and says when', () => {
  const error = new store.UnavailableError('TIMEOUT', 'too late', 500);
  expect(error).not.toBeInstanceOf(store.RefusalError);
  expect(error).toMatchObject({ code: 'TIMEOUT', retryAfterMs: 500, name: 'UnavailableError' });
});

test('a refusal says what was wrong and what would be right', () => {
  expect(refusals.map(({ message }) => message)).toEqual([
    'a.0: is wrong',
    'There is no assessment "a".',
    expect.stringContaining('Use another assessmentId, or repeat the same request.'),
    'Assessment "a" is COMPLETED and cannot go to PENDING. Nothing can follow COMPLETED.',
    'Assessment "a" has version 3, not 2. Read it again and decide anew.',
    'Assessment "a" is held by worker "w", and not by this claim token, or its lease has run out.',
  ]);
});
