import { expect, test } from 'vitest';
import { readArguments, UsageError } from '../../demo/arguments.ts';

test('takes a URL and API_URL, or neither', () => {
  expect(readArguments(['https://example.com/health?deep=1#top'], 'http://127.0.0.1:4000/graphql')).toEqual({
    target: new URL('https://example.com/health?deep=1'),
    apiUrl: new URL('http://127.0.0.1:4000/graphql'),
  });
  expect(readArguments([], '')).toEqual({ target: undefined, apiUrl: undefined });
});

test.each([
  { args: ['example.com'], says: 'must begin with http:// or https://' },
  { args: ['localhost:4000'], says: 'must begin with http:// or https://' },
  { args: ['ftp://example.com/'], says: 'must begin with http:// or https://' },
  { args: [''], says: 'must begin with http:// or https://' },
  { args: ['https://someone:secret@example.com/'], says: 'must not hold a user name or a password' },
  { args: ['--help'], says: 'one argument at most' },
  { args: ['http://a.example/', 'http://b.example/'], says: 'one argument at most' },
])('refuses $args', ({ args, says }) => {
  expect(() => readArguments(args, undefined)).toThrow(UsageError);
  expect(() => readArguments(args, undefined)).toThrow(says);
});

test('refuses an API_URL that is none, and names it', () => {
  expect(() => readArguments([], '127.0.0.1:4000')).toThrow('API_URL must begin with');
});
