import { request as httpRequest, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AttackTarget, startAttackTarget } from '../support/attack-target.ts';

const friend = 'https://dashboard.example.com';
const forged = (id: string): string =>
  `mutation { createAssessment(input: { assessmentId: "${id}", type: HEALTH }) { ... on CreateAssessmentPayload { created } } }`;

let target: AttackTarget;
beforeAll(async () => {
  target = await startAttackTarget({ ALLOWED_ORIGINS: [friend] });
});
afterAll(() => target.stop());

const exists = async (id: string): Promise<boolean> =>
  (await target.send<{ assessment: unknown }>(`{ assessment(assessmentId: "${id}") { id } }`)).data.assessment !== null;

interface Form {
  contentType: string | undefined;
  body: string | Uint8Array<ArrayBuffer>;
  method?: string;
}

const json = (id: string): string => JSON.stringify({ query: forged(id) });
const multipart = (id: string): string =>
  `--x\r\ncontent-disposition: form-data; name="operations"\r\n\r\n${json(id)}\r\n--x\r\ncontent-disposition: form-data; name="map"\r\n\r\n{}\r\n--x--\r\n`;

/** What a page can send to another site without asking first: a form, a beacon, a simple `fetch`. */
const forms: Record<string, (id: string) => Form> = {
  'a form, urlencoded': (id) => ({
    contentType: 'application/x-www-form-urlencoded',
    body: new URLSearchParams({ query: forged(id) }).toString(),
  }),
  'a form whose only field is JSON': (id) => ({ contentType: 'application/x-www-form-urlencoded', body: json(id) }),
  'a form, multipart': (id) => ({ contentType: 'multipart/form-data; boundary=x', body: multipart(id) }),
  'a form, plain text': (id) => ({ contentType: 'text/plain', body: json(id) }),
  'a beacon': (id) => ({ contentType: 'text/plain;charset=UTF-8', body: json(id) }),
  'plain text that names JSON': (id) => ({ contentType: 'text/plain; application/json', body: json(id) }),
  'plain text, with JSON in a second type': (id) => ({ contentType: 'text/plain, application/json', body: json(id) }),
  'nothing said about the body': (id) => ({ contentType: undefined, body: new TextEncoder().encode(json(id)) }),
  'a body of type GraphQL': (id) => ({ contentType: 'application/graphql', body: forged(id) }),
};

describe('a page of another site', () => {
  test.each(Object.entries(forms))('cannot change anything by %s', async (name, formOf) => {
    const id = name.replaceAll(/\W+/g, '-');
    const { contentType, body } = formOf(id);
    const headers = { accept: '*/*', origin: 'https://evil.example', ...(contentType !== undefined && { 'content-type': contentType }) };
    const response = await fetch(target.url, { method: 'POST', headers, body });
    expect(response.status).toBe(415);
    expect(response.headers.get('access-control-allow-origin')).not.toBe('https://evil.example');
    expect(await exists(id)).toBe(false);
    await target.expectUnharmed();
  });

  test.each(['GET', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'DELETE'])('cannot change anything by %s', async (method) => {
    const id = `by-${method}`;
    for (const accept of ['application/json', 'text/html', 'text/event-stream', '*/*']) {
      const address = `${target.url}?${new URLSearchParams({ query: forged(id) })}`;
      const response = await fetch(address, { method, headers: { accept, origin: 'https://evil.example' } });
      await response.body?.cancel();
      expect(await exists(id)).toBe(false);
    }
    await target.expectUnharmed();
  });

  test('cannot choose the method by a header or the address', async () => {
    for (const [header, parameter] of [
      ['x-http-method-override', '_method'],
      ['x-method-override', 'method'],
    ] as const) {
      const address = `${target.url}?${new URLSearchParams({ query: forged(header), [parameter]: 'POST' })}`;
      const response = await fetch(address, { headers: { accept: 'application/json', [header]: 'POST' } });
      expect(response.status).toBe(405);
      expect(await exists(header)).toBe(false);
    }
    await target.expectUnharmed();
  });

  test.each(['cors', 'no-cors', 'same-origin', 'websocket'])(
    'cannot have a query done either, as browsers tell of it (%s)',
    async (mode) => {
      const address = `${target.url}?${new URLSearchParams({ query: '{ assessmentStats { total } }' })}`;
      const headers = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': mode, accept: 'application/json' };
      for (const origin of [{}, { origin: 'https://evil.example' }, { origin: 'null' }]) {
        const response = await fetch(address, { headers: { ...headers, ...origin } });
        expect(response.status).toBe(403);
        expect(await response.text()).not.toContain('total');
      }
      expect((await fetch(address, { headers: { ...headers, origin: friend } })).status).toBe(200);
      expect((await fetch(address, { headers: { ...headers, 'sec-fetch-site': 'same-origin' } })).status).toBe(200);
      await target.expectUnharmed();
    },
  );

  test('cannot send several operations at once', async () => {
    const response = await fetch(target.url, {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
      body: JSON.stringify(Array.from({ length: 1_000 }, () => ({ query: '{ __typename }' }))),
    });
    expect(response.status).toBe(400);
    await target.expectUnharmed();
  });
});

describe('a browser that asks first (CORS)', () => {
  const ask = (origin: string): Promise<Response> =>
    fetch(target.url, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type,authorization' },
    });

  test.each(['https://evil.example', 'null', `${friend}.evil.example`, `${friend}:8443`, 'http://dashboard.example.com', '*'])(
    'is not told to go on for %s, and cannot read an answer',
    async (origin) => {
      const asked = await ask(origin);
      const sent = await target.send('{ __typename }', {}, { origin });
      for (const headers of [asked.headers, sent.headers])
        expect([origin, '*', 'null']).not.toContain(headers.get('access-control-allow-origin'));
      await target.expectUnharmed();
    },
  );

  test('is told to go on for an allowed origin, by its name', async () => {
    const asked = await ask(friend);
    expect(asked.status).toBe(204);
    const sent = await target.send('{ __typename }', {}, { origin: friend });
    for (const headers of [asked.headers, sent.headers]) expect(headers.get('access-control-allow-origin')).toBe(friend);
  });

  test('is told nothing where no origin is allowed', async () => {
    const closed = await startAttackTarget();
    try {
      const response = await fetch(closed.url, { method: 'OPTIONS', headers: { origin: friend, 'access-control-request-method': 'POST' } });
      expect(response.headers.get('access-control-allow-origin')).toBeNull();
      const { headers } = await closed.send('{ __typename }', {}, { origin: friend });
      expect(headers.get('access-control-allow-origin')).toBeNull();
      await closed.expectUnharmed();
    } finally {
      await closed.stop();
    }
  });
});

/** With a `host` of one's own, which `fetch` does not send. */
function sendTo(host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(target.url, { method: 'POST', headers: { host, 'content-type': 'application/json', connection: 'close' } });
    request.once('response', (response: IncomingMessage) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.once('error', reject);
    request.end(JSON.stringify({ query: '{ __typename }' }));
  });
}

describe('a name of another site that leads to this machine (DNS rebinding)', () => {
  test.each([
    'evil.example',
    'evil.example:4000',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '10.0.0.1',
    '[::2]',
    '127.0.0.1@evil.example',
  ])('(%s) is not answered', async (host) => {
    expect(await sendTo(host)).toBe(421);
    await target.expectUnharmed();
  });

  test.each(['localhost', 'localhost:4000', '127.0.0.1', '127.0.0.1:1', '[::1]:4000', 'app.localhost', 'dashboard.example.com'])(
    'while %s is',
    async (host) => {
      expect(await sendTo(host)).toBe(200);
    },
  );
});
