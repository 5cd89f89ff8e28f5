import { createServer } from 'node:http';
import { base64url, CompactEncrypt, exportSPKI, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { KeyServer, makeKeys } from '../support/key-server.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';
import { fullScope, goodClaims, testSecret, tokenOf, withTokens } from '../support/tokens.ts';
import { waysIn } from '../support/ways-in.ts';

let issuer: KeyServer;
let byKeys: TestApp;
let bySecret: TestApp;
beforeAll(async () => {
  issuer = await KeyServer.start();
  byKeys = await startTestApp(issuer.config);
  bySecret = await startTestApp(withTokens, byKeys.database);
});
afterAll(async () => {
  await bySecret.stop();
  await byKeys.stop();
  await issuer.stop();
});

const now = (): number => Math.floor(Date.now() / 1_000);
const encoded = (value: object): string => base64url.encode(JSON.stringify(value));
const unsigned = (alg: string): string =>
  `${encoded({ alg, kid: issuer.current.kid })}.${encoded({ ...goodClaims(), iss: 'https://id.test/', aud: 'assessments' })}.`;
const symmetric = (secret: string, alg = 'HS256'): Promise<string> =>
  new SignJWT({ ...goodClaims(), iss: 'https://id.test/', aud: 'assessments' })
    .setProtectedHeader({ alg, kid: issuer.current.kid })
    .sign(Buffer.from(secret));

/** What changes a claim of a token that was signed. */
async function forged(claims: object): Promise<string> {
  const [header, payload = '', signature] = (await issuer.sign({ scope: 'assessments:read' })).split('.');
  return [header, encoded({ ...(JSON.parse(Buffer.from(payload, 'base64url').toString()) as object), ...claims }), signature].join('.');
}

const notAccepted = 'The token is signed in a way that is not accepted here.';
const notKnown = 'The token is not signed with a key that is known here.';
const noJwt = 'The token is no signed JWT.';

/** Each is sent to the service that knows the public keys of an issuer. */
const attacks: Record<string, [token: () => Promise<string> | string, message: string | RegExp]> = {
  'the public key as a secret, in PEM': [async () => symmetric(await exportSPKI(issuer.current.publicKey)), notAccepted],
  'the public key as a secret, as it is published': [() => symmetric(JSON.stringify(issuer.current.jwk)), notAccepted],
  'no signature': [() => unsigned('none'), notAccepted],
  'no signature, spelt otherwise': [() => unsigned('nOnE'), notAccepted],
  'no algorithm': [() => unsigned('').replace(/^[^.]+/, encoded({ kid: issuer.current.kid })), noJwt],
  'a good header and claims, and no signature': [() => unsigned('RS256'), notKnown],
  'a token that has expired': [() => issuer.sign({ exp: now() - 1 }), 'The token has expired.'],
  'a token that is not valid yet': [() => issuer.sign({ nbf: now() + 60 }), 'The token is not valid yet.'],
  'a token for another service': [() => issuer.sign({ aud: 'payroll' }), 'The token is not meant for this service.'],
  'a token for no service': [() => issuer.sign({ aud: undefined }), 'The token has no aud.'],
  'a token of another issuer': [() => issuer.sign({ iss: 'https://evil.test/' }), 'The token is not from the issuer that is trusted here.'],
  'a token of no issuer': [() => issuer.sign({ iss: undefined }), 'The token has no iss.'],
  'another key under the same name': [async () => issuer.sign({}, {}, await makeKeys('RS256', issuer.current.kid)), notKnown],
  'a key that is not published': [async () => issuer.sign({}, {}, await makeKeys()), notKnown],
  'a key of another kind': [async () => issuer.sign({}, {}, await makeKeys('ES256', issuer.current.kid)), notKnown],
  'an algorithm that is not on the list': [async () => issuer.sign({}, {}, await makeKeys('RS512', issuer.current.kid)), notAccepted],
  'a key that the token brings along': [
    async () => {
      const own = await makeKeys();
      return issuer.sign({}, { kid: undefined as unknown as string, jwk: own.jwk }, own);
    },
    notKnown,
  ],
  'a header that must be understood': [async () => `${encoded({ alg: 'RS256', crit: ['x'], x: 1 })}.e30.c2ln`, notAccepted],
  'a claim that was changed after it was signed': [() => forged({ scope: fullScope }), notKnown],
  'a tenant that was changed after it was signed': [() => forged({ tenant: 'other' }), notKnown],
  'no sub': [() => issuer.sign({ sub: undefined }), 'The token has no sub.'],
  'no tenant': [() => issuer.sign({ tenant: undefined }), 'The token has no tenant.'],
  'no exp': [() => issuer.sign({ exp: undefined }), 'The token has no exp.'],
  'an exp that is no time': [() => issuer.sign({ exp: 'never' }), /^The claim exp of the token /],
  'the name of a part of the service': [() => issuer.sign({ sub: 'service:worker' }), /^The claim sub of the token must be /],
  'a sub that is empty': [() => issuer.sign({ sub: '' }), /^The claim sub of the token must be /],
  'a sub with a line break': [() => issuer.sign({ sub: 'ada\n{"level":30}' }), /^The claim sub of the token must be /],
  'a sub that is too long': [() => issuer.sign({ sub: 'x'.repeat(256) }), /^The claim sub of the token must be /],
  'a sub that is no text': [() => issuer.sign({ sub: { name: 'ada' } }), /^The claim sub of the token /],
  'a tenant that is no name': [() => issuer.sign({ tenant: 'a b' }), /^The claim tenant of the token must be /],
  'a tenant with a NUL': [() => issuer.sign({ tenant: 'default\0' }), /^The claim tenant of the token must be /],
  'several tenants': [() => issuer.sign({ tenant: ['default', 'other'] }), /^The claim tenant of the token must be /],
  'a tenant that is too long': [() => issuer.sign({ tenant: 'x'.repeat(256) }), /^The claim tenant of the token must be /],
  'scopes as a list': [() => issuer.sign({ scope: ['assessments:read'] }), /^The claim scope of the token must be text/],
  'a text that is no token': [() => 'letmein', noJwt],
  'three parts of nothing': [() => '..', noJwt],
  'three parts of something': [() => 'a.b.c', noJwt],
  'JSON that is no object': [() => `${base64url.encode('[]')}.${base64url.encode('1')}.${base64url.encode('x')}`, noJwt],
  'an encrypted token': [
    () =>
      new CompactEncrypt(Buffer.from(JSON.stringify(goodClaims())))
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
        .encrypt(new Uint8Array(32)),
    noJwt,
  ],
  'a huge token': [() => 'a'.repeat(8_193), 'The token is longer than 8192 characters.'],
};

describe.each(Object.entries(waysIn))('%s is refused', (name, getIn) => {
  const status = name === 'a socket' ? 4403 : 401;

  test.each(Object.entries(attacks))('with %s', async (_, [make, message]) => {
    const token = await make();
    const refusal = await getIn(byKeys.url, `Bearer ${token}`);
    expect(refusal).toMatchObject({ status, message: typeof message === 'string' ? message : expect.stringMatching(message) });
    if (status === 401) expect(refusal).toMatchObject({ code: 'UNAUTHENTICATED', challenge: 'Bearer error="invalid_token"' });
  });

  test.each([
    ['with another secret', () => tokenOf({}, 'another secret, which is long enough'), notKnown],
    ['with another digest', () => symmetric(testSecret, 'HS512'), notAccepted],
    ['with a key in place of the secret', () => issuer.sign(), notAccepted],
    ['with no signature in place of the secret', () => unsigned('none'), notAccepted],
  ])('%s', async (_, make, message) => {
    expect(await getIn(bySecret.url, `Bearer ${await make()}`)).toMatchObject({ status, message });
  });

  test('without a token, and with another kind of authorization', async () => {
    const refusal = await getIn(byKeys.url, undefined);
    expect(refusal).toMatchObject({ status, message: expect.stringMatching(/^There is no token/) });
    if (status === 401) expect(refusal?.challenge).toBe('Bearer');
    for (const authorization of ['Basic YWRhOng=', `Bearer ${await issuer.sign()} ${await issuer.sign()}`])
      expect(await getIn(byKeys.url, authorization)).toMatchObject({
        status,
        message: expect.stringMatching(/^The authorization must be/),
      });
  });

  test('and let in with a good token, however the word before it is written', async () => {
    const [token, other] = [await issuer.sign(), await tokenOf()];
    for (const authorization of [`Bearer ${token}`, `bearer ${token}`, token])
      expect(await getIn(byKeys.url, authorization)).toBeUndefined();
    expect(await getIn(bySecret.url, `Bearer ${other}`)).toBeUndefined();
  });
});

test('a refusal tells nothing of the token, and a token is in no log', async () => {
  const token = await issuer.sign({ sub: 'mallory-the-unknown', tenant: 'a b' });
  const answers = await Promise.all(Object.values(waysIn).map((getIn) => getIn(byKeys.url, token)));
  const good = await issuer.sign();
  await Promise.all(Object.values(waysIn).map((getIn) => getIn(byKeys.url, good)));
  expect(JSON.stringify(answers)).not.toMatch(/mallory|a b"/);
  for (const text of [token, good]) expect(byKeys.logged.join('')).not.toContain(text.slice(-40));
});

test('a payload of connection_init that is no object of texts lets nobody in', async () => {
  for (const authorization of [null, 7, ['x'], { Bearer: 'x' }, true])
    expect(await waysIn['a socket']?.(byKeys.url, authorization as unknown as string)).toMatchObject({ status: 4403 });
});

test('the token of the upgrade counts where connection_init has none', async () => {
  const { openRawSocket } = await import('../support/raw-socket.ts');
  const socket = await openRawSocket(byKeys.url, { headers: { authorization: `Bearer ${await issuer.sign()}` } });
  socket.subscribe('1', '{ health { status } }');
  expect(await socket.received('1', 'next')).toMatchObject({ payload: { data: { health: { status: 'HEALTHY' } } } });
  socket.socket.terminate();
});

test('health and the page of GraphiQL need no token; what they could be taken for does', async () => {
  const origin = new URL(byKeys.url).origin;
  for (const path of ['/health/live', '/health/ready']) expect((await fetch(origin + path)).status).toBe(200);
  const page = await fetch(byKeys.url, { headers: { accept: 'text/html' } });
  expect({ status: page.status, text: await page.text() }).toMatchObject({ status: 200, text: expect.stringMatching(/graphiql/i) });
  for (const method of ['GET', 'POST'])
    for (const accept of ['text/html', 'text/html, application/json']) {
      const url = method === 'GET' ? `${byKeys.url}?query={health{status}}` : byKeys.url;
      const body = method === 'GET' ? null : JSON.stringify({ query: '{ health { status } }' });
      const answer = await fetch(url, { method, headers: { accept, 'content-type': 'application/json' }, body });
      expect(answer.status).toBe(401);
    }
  const hidden = await fetch(`${byKeys.url}?%71uery={health{status}}`, { headers: { accept: 'text/html, application/json' } });
  expect(await hidden.text()).not.toContain('HEALTHY');
});

test('a page of an allowed origin may ask before it sends its token, and can read why that is refused', async () => {
  const app = await startTestApp({ ...withTokens, ALLOWED_ORIGINS: ['https://a.test'] }, byKeys.database);
  onTestFinished(() => app.stop());
  const ask = (origin: string) => fetch(app.url, { method: 'POST', headers: { origin, 'content-type': 'application/json' }, body: '{}' });
  expect((await ask('https://a.test')).headers.get('access-control-allow-origin')).toBe('https://a.test');
  expect((await ask('https://b.test')).headers.get('access-control-allow-origin')).toBeNull();
  const headers = { origin: 'https://a.test', 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' };
  const preflight = await fetch(app.url, { method: 'OPTIONS', headers });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get('access-control-allow-headers')).toBe('authorization');
});

describe('the keys of an issuer', () => {
  const ask = (app: TestApp, token: string) => app.send('{ health { status } }', {}, { authorization: `Bearer ${token}` });

  test('are got once for many tokens, and again for a new key; one that is withdrawn lets nobody new in', async () => {
    const own = await KeyServer.start();
    const app = await startTestApp(own.config, byKeys.database);
    onTestFinished(async () => {
      await app.stop();
      await own.stop();
    });
    const tokens = await Promise.all(Array.from({ length: 20 }, (_, n) => own.sign({ sub: `user-${n}` })));
    expect((await Promise.all(tokens.map((token) => ask(app, token)))).map(({ status }) => status)).toEqual(tokens.map(() => 200));
    expect(own.asked).toBe(1);
    const old = own.current;
    own.keys = [await makeKeys('ES256'), old];
    expect((await ask(app, await own.sign())).status).toBe(200);
    expect((await ask(app, await own.sign({ sub: 'late' }, {}, old))).status).toBe(200);
    expect(own.asked).toBe(2);
    own.keys = [await makeKeys('EdDSA')];
    expect((await ask(app, await own.sign())).status).toBe(200);
    expect(own.asked).toBe(3);
    expect((await ask(app, await own.sign({ sub: 'later' }, {}, old))).status).toBe(401);
  });

  test('are not got for every token with a made-up key', async () => {
    const own = await KeyServer.start();
    const app = await startTestApp({ ...own.config, AUTH_JWKS_COOLDOWN_MS: 600_000 }, byKeys.database);
    onTestFinished(async () => {
      await app.stop();
      await own.stop();
    });
    const evil = await makeKeys();
    for (let n = 0; n < 20; n++) expect((await ask(app, await own.sign({}, { kid: `made-up-${n}` }, evil))).status).toBe(401);
    expect(own.asked).toBe(1);
  });

  test.each(['away', 'silent'] as const)(
    'that cannot be had (%s) let nobody in, hold nobody up, and take nothing else along',
    async (mood) => {
      const own = await KeyServer.start();
      own.mood = mood;
      const app = await startTestApp(own.config, byKeys.database);
      onTestFinished(async () => {
        await app.stop();
        await own.stop();
      });
      const token = await own.sign();
      const answers = await Promise.all(Array.from({ length: 20 }, () => ask(app, token)));
      for (const { status, errors, headers } of answers) {
        expect({ status, retry: headers.get('retry-after') }).toEqual({ status: 503, retry: '1' });
        expect(errors).toMatchObject([{ extensions: { code: 'OVERLOADED', retryAfterMs: 1_000 } }]);
      }
      expect(own.asked).toBe(1); // nobody waits for what has just failed
      expect(await waysIn['a socket']?.(app.url, token)).toMatchObject({ status: 1013 });
      expect((await fetch(`${new URL(app.url).origin}/health/ready`)).status).toBe(200);
      expect((await app.send('{ __typename }')).status).toBe(401);
      own.mood = 'good';
      await eventually('it is let in again', async () => (await ask(app, token)).status === 200);
    },
  );

  test('that cannot be had any more go on to count: those who were let in stay', async () => {
    const own = await KeyServer.start();
    const app = await startTestApp(own.config, byKeys.database);
    onTestFinished(() => app.stop());
    expect((await ask(app, await own.sign())).status).toBe(200);
    const tokens = [await own.sign({ sub: 'another' }), await own.sign({}, {}, await makeKeys())];
    await own.stop();
    expect((await ask(app, tokens[0] ?? '')).status).toBe(200);
    expect((await ask(app, tokens[1] ?? '')).status).toBe(503);
  });

  test('that are no keys at all let nobody in', async () => {
    const server = createServer((_, response) => void response.end('<html>')).listen(0, '127.0.0.1');
    await eventually('it listens', () => server.listening);
    const app = await startTestApp(
      { ...issuer.config, AUTH_JWKS_URL: `http://127.0.0.1:${Object(server.address()).port}/` },
      byKeys.database,
    );
    onTestFinished(async () => {
      await app.stop();
      server.close();
    });
    expect((await ask(app, await issuer.sign())).status).toBe(503);
  });
});
