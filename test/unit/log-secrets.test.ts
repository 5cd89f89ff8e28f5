import { expect, test } from 'vitest';
import { withoutSecrets } from '../../src/log-secrets.ts';

test.each([
  ['postgresql://user:hunter2@db:5432/x', 'postgresql://[redacted]@db:5432/x'],
  ['redis://:hunter2@cache', 'redis://[redacted]@cache'],
  ['postgresql://user:hun/ter2@db/x', 'postgresql://[redacted]@db/x'],
  ['https://hunter2@example.com/', 'https://[redacted]@example.com/'],
  ['authorization: Bearer hunter2.abc', 'authorization: Bearer [redacted]'],
  ['basic aHVudGVyMg==', 'basic [redacted]'],
  ['a token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJodW50ZXIyIn0.c2ln in text', 'a token [redacted] in text'],
  ['GET /graphql?token=hunter2&x=1', 'GET /graphql?token=[redacted]&x=1'],
  ['host=db password=hunter2 user=x', 'host=db password=[redacted] user=x'],
])('%s', (text, shown) => {
  const line = JSON.stringify({ msg: text });
  expect(JSON.parse(withoutSecrets(line))).toEqual({ msg: shown });
});

test('fields of objects, also of such as are text', () => {
  const secret = { password: 'hunter2', nested: { Authorization: 'hun"ter2', claimToken: 'hunter2' }, kept: 'plain' };
  const line = JSON.stringify({ ...secret, text: JSON.stringify(secret), deeper: JSON.stringify({ text: JSON.stringify(secret) }) });
  const shown = withoutSecrets(line);
  expect(shown).not.toMatch(/hunter2|ter2/);
  expect(JSON.parse(shown)).toMatchObject({ password: '[redacted]', kept: 'plain', nested: { Authorization: '[redacted]' } });
  expect(JSON.parse(JSON.parse(shown).text)).toMatchObject({ password: '[redacted]', kept: 'plain' });
});

test('what is no secret stays as it is', () => {
  const line = JSON.stringify({
    url: 'http://127.0.0.1:4000/graphql',
    requestId: 'a@b',
    msg: 'mail to a@example.com; 3 tokens',
    claims: 2,
  });
  expect(withoutSecrets(line)).toBe(line);
});
