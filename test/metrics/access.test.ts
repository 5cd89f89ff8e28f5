import { expect, test } from 'vitest';
import { parseConfig } from '../../src/config.ts';
import { startTestApp } from '../support/test-app.ts';

async function ask(settings: Parameters<typeof startTestApp>[0], requests: RequestInit[]) {
  const service = await startTestApp(settings);
  try {
    const page = new URL('/metrics', service.url);
    const answers = [];
    for (const request of requests) {
      const response = await fetch(page, request);
      answers.push({ status: response.status, type: response.headers.get('content-type'), text: await response.text() });
    }
    return answers;
  } finally {
    await service.stop();
  }
}

const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

test('with a token: who has it, and nobody else', async () => {
  const token = 'a-token-for-the-metrics';
  const requests = [{}, bearer(`${token}x`), bearer(''), { headers: { authorization: `Basic ${token}` } }, bearer(token)];
  const answers = await ask({ METRICS_TOKEN: token }, requests);
  expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401, 200]);
  expect(answers.slice(0, 4).filter(({ text }) => text.includes('assessment_store'))).toEqual([]);
  expect(answers[4]).toMatchObject({
    type: 'text/plain; version=0.0.4; charset=utf-8',
    text: expect.stringContaining('\nassessment_store_sockets 0\n'),
  });
});

test('without a token: whoever reaches a service that serves this machine alone', async () => {
  const [page, head, posted] = await ask({}, [{}, { method: 'HEAD' }, { method: 'POST' }]);
  expect(page).toMatchObject({ status: 200 });
  expect(head).toMatchObject({ status: 200, text: '' });
  expect(posted).toMatchObject({ status: 405 });
});

test.each([
  ['in production', { NODE_ENV: 'production' as const }],
  ['beyond this machine', { HOST: '0.0.0.0' }],
])('without a token nobody %s, unless the network itself keeps strangers out', async (_, settings) => {
  expect(await ask({ ...settings, ALLOW_UNAUTHENTICATED: false }, [{}, bearer('anything-at-all-1234')])).toMatchObject([
    { status: 403 },
    { status: 403 },
  ]);
  expect(await ask({ ...settings, ALLOW_UNAUTHENTICATED: true }, [{}])).toMatchObject([{ status: 200 }]);
});

test('off: there is no such page', async () => {
  const [page] = await ask({ METRICS: false }, [{}]);
  expect(page).toMatchObject({ status: 404, text: expect.not.stringContaining('/metrics"') });
});

test('a token that is too short is refused, and never shown', () => {
  const parse = () => parseConfig({ METRICS_TOKEN: 'too-short' });
  expect(parse).toThrow(/METRICS_TOKEN must be 16 to 512 letters/);
  expect(parse).not.toThrow(/too-short/);
});
