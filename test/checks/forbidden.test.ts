import { expect, test } from 'vitest';
import { type Lookup, readTargetPolicy } from '../../src/checks/target-policy.ts';
import { failureOf, run, runRequest } from './run.ts';
import { startSecureTarget, startSocketTarget, startTarget } from './target.ts';

/** A target that counts who comes. */
async function startCounting(): Promise<{ url: URL; requests: () => number; named: (name: string) => URL }> {
  let requests = 0;
  const url = await startTarget((_, response) => {
    requests += 1;
    response.end();
  });
  return { url, requests: () => requests, named: (name) => new URL(`http://${name}:${url.port}/`) };
}

const resolving =
  (...answers: string[]): Lookup =>
  async () => [{ address: answers.length > 1 ? String(answers.shift()) : String(answers[0]), family: 4 }];

test('a name on the list is no way to a private address, unless a range on the list has that too', async () => {
  const target = await startCounting();
  const url = target.named('web.example.test');
  const refused = await failureOf(run('HEALTH', url, {}, { targets: readTargetPolicy('*.example.test', resolving('127.0.0.1')) }));
  expect(refused).toMatchObject({ name: 'ForbiddenTargetError', retryable: false });
  expect(refused.message).toBe(
    `${url.host} is not a permitted target: its name stands for 127.0.0.1, which is not public, and no range on the list of allowed targets has it`,
  );
  expect(target.requests()).toBe(0);
  const targets = readTargetPolicy('*.example.test,127.0.0.0/8', resolving('127.0.0.1'));
  expect((await run('SECURITY', url, {}, { targets })).result).toMatchObject({ status: 200, details: { address: target.url.host } });
});

test('a name that changes its address in the middle is refused from then on', async () => {
  let requests = 0;
  const url = await startTarget((_, response) => {
    requests += 1;
    response.writeHead(200, { connection: 'close' }).end();
  });
  // The connection, the first request, and from the second request on an address that is not on the list.
  const targets = readTargetPolicy('rebinding.test,127.0.0.1', resolving('127.0.0.1', '127.0.0.1', '127.0.0.9'));
  const { of } = await run('HEALTH', new URL(`http://rebinding.test:${url.port}/`), {}, { targets });
  expect(of('answers')).toMatch(/^fail: 1 of 10 requests; .*its name stands for 127\.0\.0\.9/);
  expect(requests).toBe(1);
});

test('of several addresses only the permitted ones are tried', async () => {
  const target = await startCounting();
  const lookup: Lookup = async () => [
    { address: '127.0.0.9', family: 4 },
    { address: '127.0.0.1', family: 4 },
  ];
  const { result } = await run('SECURITY', target.named('both.test'), {}, { targets: readTargetPolicy('both.test,127.0.0.1', lookup) });
  expect(result).toMatchObject({ details: { address: target.url.host } });
});

test('https goes the same way', async () => {
  const { port } = await startSecureTarget('valid.pem', (_, response) => response.end());
  const targets = readTargetPolicy('web.example.test', resolving('127.0.0.1'));
  const failure = await failureOf(run('SECURITY', new URL(`https://web.example.test:${port}/`), { deepScan: true }, { targets }));
  expect(failure.name).toBe('ForbiddenTargetError');
});

test('a name that is not on the list is not even looked up', async () => {
  const lookup: Lookup = () => Promise.reject(new Error('it was looked up'));
  const failure = await failureOf(
    run('HEALTH', new URL('http://secret.attacker.test/'), {}, { targets: readTargetPolicy(undefined, lookup) }),
  );
  expect(failure.message).toBe('secret.attacker.test:80 is not a permitted target: no entry of the list of allowed targets has it');
});

test('a redirect to a forbidden target is not followed', async () => {
  const secret = await startCounting();
  const target = await startTarget((_, response) =>
    response.writeHead(302, { location: `http://127.0.0.1:${secret.url.port}/admin` }).end(),
  );
  const targets = readTargetPolicy(`127.0.0.1:${target.port}`);
  const { result, of } = await run('HEALTH', target, { deepScan: true }, { targets });
  expect(of('redirects')).toMatch(/^fail: http:\/\/127\.0\.0\.1:\d+\/admin: not followed, since .+ is not a permitted target/);
  expect(result).toMatchObject({ verdict: 'warn', status: 302 });
  expect(secret.requests()).toBe(0);
});

test.each(['file:///etc/passwd', 'http://user:secret@127.0.0.1/', 'http://[::ffff:169.254.169.254]/', 'http://2852039166/'])(
  'a redirect to %s is not followed',
  async (location) => {
    const target = await startTarget((_, response) => response.writeHead(301, { location }).end());
    const { of } = await run('SECURITY', target, { deepScan: true, checkServerStatus: true });
    expect(of('csp')).toMatch(/^fail/);
    const { result } = await run('HEALTH', target, { deepScan: true });
    expect(result).toMatchObject({ details: { redirects: [{ status: 301, refused: expect.any(String) }] } });
  },
);

test.each([
  { metadata: { url: 'ftp://127.0.0.1/' }, serverName: null, says: 'metadata.url must be a URL that begins with http:// or https://' },
  { metadata: { url: 'http://me:secret@127.0.0.1/' }, serverName: null, says: 'must not hold a user name or a password' },
  { metadata: { url: 7 }, serverName: null, says: 'metadata.url must be a URL' },
  { metadata: { url: `http://127.0.0.1/${'x'.repeat(3_000)}` }, serverName: null, says: 'of at most 2048 characters' },
  { metadata: {}, serverName: 'a/../b', says: 'serverName must be a host or host:port' },
  { metadata: {}, serverName: 'user@host', says: 'serverName must be a host or host:port' },
  { metadata: {}, serverName: 'host:port', says: 'serverName must be a host or host:port' },
  { metadata: {}, serverName: null, says: 'the request names no target' },
  { metadata: {}, serverName: '10.0.0.1', says: '10.0.0.1:443 is not a permitted target' },
])('no target: $says', async ({ metadata, serverName, says }) => {
  const failure = await failureOf(runRequest({ type: 'HEALTH', serverName, request: { metadata } }));
  expect(failure).toMatchObject({ retryable: false, message: expect.stringContaining(says) });
});

test('serverName: https where there is TLS, else http', async () => {
  const plain = await startTarget((_, response) => response.end());
  const secure = await startSecureTarget('valid.pem', (_, response) => response.end());
  for (const url of [plain, secure]) {
    const { result } = await runRequest({ type: 'SECURITY', serverName: `localhost:${url.port}`, request: {} });
    expect(result).toMatchObject({ url: `${url.protocol}//localhost:${url.port}/`, status: 200 });
  }
});

test('a server that switches protocols instead of answering is told of, and holds nothing up', async () => {
  const url = await startSocketTarget((socket) => {
    socket.once('data', () => socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'));
  });
  const refused = await failureOf(run('SECURITY', url));
  expect(refused).toMatchObject({ name: 'UnreachableError', message: expect.stringContaining(url.host) });
});

test('what a redirect holds of a user name and a password is not kept', async () => {
  const url = await startTarget((_, response) => response.writeHead(302, { location: 'http://anna:secret@127.0.0.1/there' }).end());
  const { result } = await run('HEALTH', url, { deepScan: true });
  expect(JSON.stringify(result)).toContain('http://127.0.0.1/there');
  expect(JSON.stringify(result)).not.toContain('secret');
});
