import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCli } from './cli-process.ts';

let server: Server;
let url: string;
let connections = 0;
beforeAll(async () => {
  server = createServer().listen(0, '127.0.0.1');
  server.on('connection', () => connections++);
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as { port: number }).port}/graphql`;
});
afterAll(() => {
  server.close();
});

test.each([
  { args: [], says: 'Usage: assessment-store [options] [command]' },
  { args: ['wiat', 'a-1'], says: "unknown command 'wiat'\n(Did you mean wait?)" },
  { args: ['wait'], says: "missing required argument 'ids'" },
  { args: ['wait', ''], says: 'It must have 1 to 255 characters' },
  { args: ['wait', 'x'.repeat(256)], says: 'It must have 1 to 255 characters' },
  { args: ['wait', ...Array.from({ length: 1_001 }, (_, index) => `a-${index}`)], says: 'At most 1000 assessments' },
  { args: ['wait', 'a-1', '--timeout', 'soon'], says: 'It must be a time such as 500ms, 30s, 5m' },
  { args: ['wait', 'a-1', '--timeout', '0'], says: 'from 1ms to 24d' },
  { args: ['wait', 'a-1', '--timeout', '25d'], says: 'from 1ms to 24d' },
  { args: ['wait', 'a-1', '--tmeout', '5s'], says: "unknown option '--tmeout'\n(Did you mean --timeout?)" },
  { args: ['show'], says: "missing required argument 'id'" },
  { args: ['show', 'a', 'b'], says: 'too many arguments' },
  { args: ['submit'], says: "required option '--type <type>' not specified" },
  { args: ['submit', '--type', 'wealth'], says: 'It must be compliance, health or security' },
  { args: ['submit', '--type', 'health', '--priority', '11'], says: 'It must be a whole number from 1 to 10' },
  { args: ['submit', '--type', 'health', '--priority', '1e0'], says: 'It must be a whole number from 1 to 10' },
  { args: ['submit', '--type', 'health', '--max-retries', '-1'], says: 'argument' },
  { args: ['submit', '--type', 'health', '--metadata', '{'], says: '--metadata: this is not JSON' },
  { args: ['submit', '--type', 'health', '--metadata', '[1]'], says: '--metadata: it must be a JSON object' },
  {
    args: ['submit', '--type', 'health', '--metadata', '@/no/such/file'],
    says: '--metadata: the file /no/such/file cannot be read: ENOENT',
  },
  { args: ['submit', '--type', 'health', '--option', 'deepScan'], says: 'It must be key=value; the keys are includeDetails' },
  { args: ['submit', '--type', 'health', '--option', '__proto__=true'], says: 'It must be key=value' },
  { args: ['submit', '--type', 'health', '--option', 'deepScan=yes'], says: 'deepScan must be true or false' },
  { args: ['submit', '--type', 'health', '--option', 'timeout=5s'], says: 'timeout must be a whole number of milliseconds' },
  { args: ['list', '--state', 'pending,done'], says: 'It must be pending, processing, completed, failed or cancelled' },
  { args: ['list', '--limit', '0'], says: 'It must be a whole number from 1 to 100000' },
  { args: ['list', '--sort', 'size'], says: 'It must be created, updated, priority or progress' },
  { args: ['list', '--sort', 'constructor'], says: 'It must be created, updated, priority or progress' },
  { args: ['list', '--since', 'yesterday'], says: 'It must be a duration such as 2h, or a time' },
  { args: ['watch', 'a-1', '--type', 'health'], says: 'go without ids only' },
  { args: ['cancel', 'a-1', 'a-2', '--expected-version', '1'], says: 'goes with one assessment only' },
  { args: ['cancel', 'a-1', '--reason', 'x'.repeat(2_001)], says: 'It must have at most 2000 characters' },
  { args: ['stats', '--window', '1441'], says: 'It must be a whole number from 1 to 1440' },
  { args: ['worker', '--types', 'wealth'], says: 'It must be compliance, health or security' },
  { args: ['worker', '--concurrency', '0'], says: 'It must be a whole number from 1 to 500' },
  { args: ['worker', '--timeout', '5s'], says: "option '--timeout' has no meaning for 'worker'" },
  { args: ['serve', '--url', 'http://127.0.0.1:1/graphql'], says: "option '--url' has no meaning for 'serve'" },
  { args: ['migrate', '--json'], says: "option '--json' has no meaning for 'migrate'" },
])('wrong arguments, $args: says what is right, exits 2, sends nothing', async ({ args, says }) => {
  connections = 0;
  const { code, out, err } = await runCli(args, { env: { ASSESSMENT_STORE_URL: url } });
  expect(err).toContain(says);
  expect({ code, out, connections }).toEqual({ code: 2, out: '', connections: 0 });
  expect(err).not.toMatch(/\n\s+at |node_modules/);
});

test.each([
  { env: { ASSESSMENT_STORE_URL: 'localhost:4000' }, says: 'url must be an address that begins with http:// or https://' },
  { env: { ASSESSMENT_STORE_URL: 'http://me:hush-hush@127.0.0.1:1/graphql' }, says: 'url must not hold a user name or a password' },
  { env: { ASSESSMENT_STORE_TOKEN: 'hush-hush\u001b[2J' }, says: 'token must be printable ASCII' },
])('an address or a token that is none, $says: exits 2, and shows neither', async ({ env, says }) => {
  const { code, out, err } = await runCli(['stats'], { env });
  expect(err).toContain(says);
  expect(err).toContain('--url, --token');
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).not.toContain('hush');
});

test('what is wrong with the arguments is JSON too where JSON is asked for', async () => {
  const { code, err } = await runCli(['submit', '--type', 'health', '--metadata', '{', '--json']);
  expect(code).toBe(2);
  expect(JSON.parse(err)).toEqual({ error: { message: expect.stringContaining('--metadata: this is not JSON') } });
});

test('--version is that of the package', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
  expect(await runCli(['--version'])).toMatchObject({ code: 0, out: `${version}\n`, err: '' });
});

const commands = ['submit', 'wait', 'watch', 'list', 'show', 'cancel', 'retry', 'stats', 'worker', 'serve', 'migrate'];

test('--help names every command and every exit code, and goes to standard output', async () => {
  const { code, out, err } = await runCli(['--help']);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect([...out.matchAll(/^ {2}([a-z]+)(?: [[<]| {2})/gm)].map(([, name]) => name)).toEqual(expect.arrayContaining(commands));
  for (const number of [0, 1, 2, 3, 4, 5, 6, 7]) expect(out).toMatch(new RegExp(`^ {2}${number}  \\S`, 'm'));
});

test.each(commands)('%s --help has examples, and does not show what the environment holds', async (command) => {
  const { code, out, err } = await runCli([command, '--help'], { env: { ASSESSMENT_STORE_TOKEN: 'hush-hush' } });
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toMatch(new RegExp(`\nExamples\n {2}.*assessment-store ${command}`));
  expect(out).not.toContain('hush');
});
