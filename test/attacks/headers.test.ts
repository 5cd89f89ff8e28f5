import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AttackTarget, startAttackTarget } from '../support/attack-target.ts';

let target: AttackTarget;
beforeAll(async () => {
  target = await startAttackTarget({ GRAPHIQL: false });
});
afterAll(() => target.stop());

/** Sends bytes as they are, and gives what comes back, until the service closes or an answer in chunks has ended. */
async function exchange(text: string): Promise<string> {
  const { hostname, port } = new URL(target.url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  socket.write(text, 'latin1');
  let answer = '';
  for await (const piece of socket) {
    answer += String(piece);
    if (answer.endsWith('\r\n0\r\n\r\n')) break;
  }
  return answer;
}

const body = '{"query":"{ __typename }"}';
const raw = (lines: string[], content = body): string =>
  `POST /graphql HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${content.length}\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n${content}`;
const headOf = (answer: string): string => answer.slice(0, answer.indexOf('\r\n\r\n'));

describe('a header cannot be made up', () => {
  test.each([
    'x-request-id: a\r\nx-injected: yes',
    'x-request-id: a\nx-injected: yes',
    'x-request-id: a\rx-injected: yes',
    'x-request-id: a%0d%0ax-injected: yes',
    'x-request-id: a\u0000b',
    'x-request-id: a\u0085x-injected: yes',
    'x-request-id: <script>alert(1)</script>',
    'origin: https://evil.example\r\n x-injected: yes',
  ])('by %j', async (line) => {
    const head = headOf(await exchange(raw([line])));
    expect(head).not.toMatch(/^x-injected/im);
    expect(head).not.toMatch(/script|evil/);
    expect(head).not.toContain('\u0000');
    await target.expectUnharmed();
  });

  test('by an operation, a variable or an address', async () => {
    const evil = 'x\r\nx-injected: yes\r\n\r\n<script>';
    await target.send(`{ assessment(assessmentId: ${JSON.stringify(evil)}) { id } }`);
    const answers = [
      await exchange(raw([], JSON.stringify({ query: 'query ($a: ID!) { node(id: $a) { id } }', variables: { a: evil } }))),
      await exchange(raw([], JSON.stringify({ query: `{ ${JSON.stringify(evil)} }` }))),
      await exchange(`GET /${encodeURIComponent(evil)} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`),
      await exchange(`GET /x%0d%0ax-injected:%20yes HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`),
    ];
    for (const answer of answers) {
      expect(headOf(answer)).not.toMatch(/^x-injected/im);
      expect(headOf(answer)).toMatch(/^content-type: application\/(graphql-response\+)?json/im);
      expect(headOf(answer)).toMatch(/^x-content-type-options: nosniff/im);
    }
    await target.expectUnharmed();
  });
});

describe('a request cannot be hidden in another', () => {
  test.each([
    ['two lengths', ['content-length: 5']],
    ['a length and chunks', ['transfer-encoding: chunked']],
    ['chunks that are none', ['transfer-encoding: xchunked']],
    ['chunks behind a tab', ['transfer-encoding:\tchunked']],
    ['a header without a name', [': x']],
    ['a blank before the colon', ['transfer-encoding : chunked']],
  ])('by %s', async (_, lines) => {
    const answer = await exchange(`${raw(lines)}GET /smuggled HTTP/1.1\r\nhost: localhost\r\n\r\n`);
    expect(answer).not.toContain('/smuggled');
    await target.expectUnharmed();
  });
});

test('5,000 requests one behind the other on one connection are answered to the last, and another one meanwhile', async () => {
  const { hostname, port } = new URL(target.url);
  const one = `POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  const socket = connect(Number(port), hostname);
  socket.write(one.repeat(5_000));
  let answers = 0;
  let rest = '';
  for await (const piece of socket) {
    const parts = (rest + String(piece)).split('{"data":{"__typename":"Query"}}');
    answers += parts.length - 1;
    rest = parts.at(-1) ?? '';
    if (answers === 1) expect((await target.send('{ __typename }')).status).toBe(200);
    if (answers >= 5_000) break;
  }
  await target.expectUnharmed();
});

describe('every answer', () => {
  const paths = [
    '/graphql',
    '/graphql?query={__typename}',
    '/health/live',
    '/health/ready',
    '/nowhere',
    '/',
    '//',
    '/%',
    '/graphql?%',
    '/graphql?variables=%7b',
    '/graphql?query={__typename}&extensions=%5b',
  ];
  test.each(paths)('at %s says how it is to be taken, and nothing of what made it', async (path) => {
    for (const accept of ['application/json', 'text/html', 'text/event-stream']) {
      const answer = await exchange(`GET ${path} HTTP/1.1\r\nhost: localhost\r\naccept: ${accept}\r\nconnection: close\r\n\r\n`);
      const head = headOf(answer);
      for (const header of ['x-content-type-options: nosniff', 'x-frame-options: DENY', 'referrer-policy: no-referrer'])
        expect(head.toLowerCase()).toContain(header.toLowerCase());
      expect(head).toMatch(/^content-security-policy: .*frame-ancestors 'none'/im);
      expect(head).toMatch(/^cache-control: .*no-/im);
      expect(head).not.toMatch(/^(x-powered-by|server):/im);
      expect(answer).not.toMatch(/node_modules|\.js:\d|\.ts:\d|at \w+ \(/);
      expect(head).not.toMatch(/^HTTP\/1\.1 5/);
    }
    await target.expectUnharmed();
  });
});
