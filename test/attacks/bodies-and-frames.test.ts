import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { type AttackTarget, startAttackTarget } from '../support/attack-target.ts';
import { type BareSocket, openBareSocket } from '../support/bare-socket.ts';
import { openRawSocket } from '../support/raw-socket.ts';

const mebibyte = 1024 * 1024;
const size = 50 * mebibyte;

let target: AttackTarget;
beforeAll(async () => {
  target = await startAttackTarget();
});
afterAll(() => target.stop());

/** Sends a body piece by piece, for as long as it is taken; gives the status, or that the connection broke off. */
async function pour(bytes: number, headers: Record<string, string>, piece = Buffer.alloc(mebibyte, ' ')): Promise<number | 'broken off'> {
  const request = httpRequest(target.url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers } });
  const answered = once(request, 'response').then(([response]) => {
    const { statusCode = 0 } = response as IncomingMessage;
    (response as IncomingMessage).resume();
    return statusCode;
  });
  const broken = new Promise<'broken off'>((resolve) => request.on('error', () => resolve('broken off')));
  const ended = Promise.race([answered, broken]);
  let over = false;
  void ended.then(() => {
    over = true;
  });
  for (let sent = 0; sent < bytes && !over; sent += piece.length) {
    if (!request.write(piece)) await Promise.race([once(request, 'drain').catch(() => {}), ended]);
  }
  if (!over) request.end();
  const outcome = await ended;
  request.destroy();
  return outcome;
}

async function post(
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
): Promise<{ status: number; text: string }> {
  const response = await fetch(target.url, {
    ...{ method: 'POST', body },
    headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
  });
  return { status: response.status, text: await response.text() };
}

describe('50 MB over HTTP', () => {
  test('announced: refused before they are read', async () => {
    expect(await pour(size, { 'content-length': String(size) })).toBe(413);
    await target.expectUnharmed();
  });

  test('not announced: refused at the limit', async () => {
    expect([413, 'broken off']).toContain(await pour(size, { 'transfer-encoding': 'chunked' }));
    await target.expectUnharmed();
  });

  test('from 20 at once: memory does not follow', async () => {
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => pour(size, { 'transfer-encoding': 'chunked' })));
    for (const outcome of outcomes) expect([413, 'broken off']).toContain(outcome);
    await target.expectUnharmed();
  });

  test('in the address: refused', async () => {
    const response = await fetch(`${target.url}?query=${'x'.repeat(100_000)}`).catch(() => undefined);
    expect(response?.status ?? 431).toBe(431);
    await target.expectUnharmed();
  });

  test('in headers: refused', async () => {
    const { status } = await post('{"query":"{ __typename }"}', { 'x-large': 'x'.repeat(100_000) });
    expect(status).toBe(431);
    await target.expectUnharmed();
  });
});

describe('50 MB in a frame', () => {
  const acknowledged = async (): Promise<BareSocket> => {
    const bare = await openBareSocket(target.url);
    bare.say({ type: 'connection_init' });
    await bare.heard('connection_ack');
    return bare;
  };

  test('after connection_init: closed with 1009', async () => {
    const bare = await acknowledged();
    bare.socket.send(Buffer.alloc(size, ' '), { binary: false });
    expect((await bare.closed).code).toBe(1009);
    await target.expectUnharmed();
  });

  test('before connection_init: closed long before', async () => {
    const bare = await openBareSocket(target.url);
    bare.socket.send(Buffer.alloc(size, ' '), { binary: false });
    expect([1006, 1009]).toContain((await bare.closed).code);
    await target.expectUnharmed();
  });

  test('in small parts of one message: closed with 1009', async () => {
    const bare = await acknowledged();
    const part = Buffer.alloc(64 * 1024, ' ');
    for (let sent = 0; sent < size && bare.socket.readyState === WebSocket.OPEN; sent += part.length)
      bare.socket.send(part, { fin: false, binary: false });
    expect([1006, 1009]).toContain((await bare.closed).code);
    await target.expectUnharmed();
  });

  test('compressed to 50 kB: compression is not agreed to', async () => {
    const bare = await openBareSocket(target.url, { perMessageDeflate: { threshold: 0 } });
    expect(bare.socket.extensions).toBe('');
    bare.socket.terminate();
    await bare.closed;
    await target.expectUnharmed();
  });

  test('of another client: nobody else notices', async () => {
    const bystander = await openRawSocket(target.url);
    bystander.subscribe('1', 'subscription { assessmentUpdated(assessmentId: "there") { kind } }');
    await bystander.received('1', 'next');
    const bare = await acknowledged();
    bare.socket.send(Buffer.alloc(size, ' '), { binary: false });
    await bare.closed;
    bystander.subscribe('2', '{ __typename }');
    await bystander.received('2', 'complete');
    expect(bystander.typesOf('1')).toEqual(['next']);
    bystander.socket.close();
    await bystander.closed;
    await target.expectUnharmed();
  });
});

describe('a compressed body', () => {
  const bomb = Buffer.alloc(size, ' ');
  test.each([
    ['gzip', gzipSync(bomb)],
    ['deflate', deflateSync(bomb)],
    ['br', brotliCompressSync(bomb, { params: {} })],
    ['identity, gzip', gzipSync(Buffer.from('{"query":"{ __typename }"}'))],
  ])('(%s) is not unpacked', async (encoding, body) => {
    const { status, text } = await post(new Uint8Array(body), { 'content-encoding': encoding });
    expect(status).toBe(415);
    expect(text).not.toMatch(/zlib|\.js:/);
    await target.expectUnharmed();
  });
});

describe('JSON', () => {
  const query = '{ __typename }';
  const create =
    'mutation ($m: JSONObject) { createAssessment(input: { assessmentId: "bomb", type: HEALTH, metadata: $m }) { __typename ... on InvalidInputError { message } } }';
  const deep = (open: string, close: string): string => open.repeat(2_000_000) + close.repeat(2_000_000);
  const bodies: Record<string, string> = {
    'lists 2 million deep': deep('[', ']'),
    'objects nested 500,000 deep': `{"query":"${query}","variables":{"a":${'{"a":'.repeat(500_000)}1${'}'.repeat(500_000)}}}`,
    'lists 500,000 deep in metadata': `{"query":${JSON.stringify(create)},"variables":{"m":{"a":${'['.repeat(500_000)}${']'.repeat(500_000)}}}}`,
    'a number of a million digits': `{"query":"${query}","variables":{"a":${'9'.repeat(1_000_000)}}}`,
    'a number beyond all bounds in metadata': `{"query":${JSON.stringify(create)},"variables":{"m":{"a":1e999999}}}`,
    'a million keys': `{"query":"${query}","variables":{${Array.from({ length: 1_000_000 }, (_, n) => `"k${n}":1`).join()}}}`,
    'half a million variables of the same name': `{"query":"${query}","variables":{${'"a":1,'.repeat(500_000)}"a":1}}`,
    'text that is no text': `{"query":"${query}","variables":{"a":"\\ud800"}}`,
    'random bytes': randomBytes(100_000).toString('latin1'),
  };
  test.each(Object.entries(bodies))('with %s does no harm', async (_, body) => {
    const { status, text } = await post(body);
    expect(status).toBeLessThan(500);
    expect(text).not.toMatch(/INTERNAL|Maximum call stack|node_modules/);
    await target.expectUnharmed();
  });

  test.each(Object.entries(bodies))('with %s does no harm over a socket', async (_, body) => {
    const bare = await openBareSocket(target.url);
    bare.say({ type: 'connection_init' });
    await bare.heard('connection_ack');
    bare.socket.send(`{"id":"1","type":"subscribe","payload":${body}}`);
    bare.say({ type: 'ping' });
    await Promise.race([bare.closed, bare.heard('pong')]);
    bare.socket.close();
    expect((await bare.closed).code).not.toBe(4500);
    expect(bare.texts.join()).not.toMatch(/INTERNAL|Maximum call stack|node_modules/);
    await target.expectUnharmed();
  });

  test('with __proto__, constructor and prototype changes nothing but what it says', async () => {
    const metadata = '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"a":{"__proto__":{"polluted":true}}}';
    for (const body of [
      `{"__proto__":{"query":"${query}","polluted":true},"query":"${query}"}`,
      `{"query":"${query}","variables":${metadata},"extensions":${metadata}}`,
      `{"query":${JSON.stringify(create)},"variables":{"m":${metadata}}}`,
    ]) {
      const { status } = await post(body);
      expect(status).toBeLessThan(500);
      expect(Object(undefined)).not.toHaveProperty('polluted');
    }
    const { data } = await target.send('{ assessment(assessmentId: "bomb") { requestData } }');
    const kept = (data as { assessment: { requestData: { metadata: object } } | null }).assessment?.requestData.metadata ?? {};
    expect(Object.getPrototypeOf(kept)).toBe(Object.prototype);
    await target.expectUnharmed();
  });

  test('with the same key twice: the last counts, for the check as for the work', async () => {
    const { text } = await post(
      `{"query":"mutation { cancelAssessment(input: { assessmentId: \\"there\\" }) { __typename } }","query":"${query}"}`,
    );
    expect(JSON.parse(text)).toEqual({ data: { __typename: 'Query' } });
    await target.expectUnharmed();
  });
});
