import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { factNames } from '../../src/checks/facts.ts';
import { loadRules, readRules } from '../../src/checks/rule-set.ts';
import { failureOf, run } from './run.ts';
import { startSecureTarget, startTarget } from './target.ts';

const ruleFile = (...lines: string[]): string => ['name: Mine', 'rules:', ...lines.map((line) => `  - { ${line} }`)].join('\n');
const head = (id: string): string => `id: ${id}, title: Of ${id}, severity: high`;

test('the default rules: pass, fail and not applicable, each with its evidence', async () => {
  const url = await startTarget((_, response) =>
    response.writeHead(200, { 'x-content-type-options': 'nosniff', 'x-powered-by': 'x' }).end(),
  );
  const { result, of } = await run('COMPLIANCE', url);
  expect(result).toMatchObject({ type: 'COMPLIANCE', verdict: 'fail', ruleSet: 'Baseline' });
  expect(of('no-sniffing')).toBe('pass: http.headers.x-content-type-options is nosniff');
  expect(of('no-framework')).toBe('fail: http.headers.x-powered-by is x; it must not be there');
  expect(of('encrypted-or-redirected')).toBe('fail: http.redirectsToHttps is false; it must be true');
  expect(of('tls-current')).toBe('not-applicable: tls.version was not gathered');
  expect(of('hsts')).toBe('not-applicable: applies when target.scheme must be https; it is http');
  expect(of('cookies-encrypted')).toBe('not-applicable: no cookie is set');
  expect(of('latency')).toMatch(/^pass: latency\.p95Ms is [\d.]+$/);
  expect(result).not.toHaveProperty('compliance');
});

test('the default rules that need https', async () => {
  const headers = { 'strict-transport-security': 'max-age=31536000', 'set-cookie': ['a=1; Secure'], server: 'nginx' };
  const url = await startSecureTarget('valid.pem', (_, response) => response.writeHead(200, headers).end());
  const { of } = await run('COMPLIANCE', url, { deepScan: true });
  for (const id of ['hsts', 'tls-current', 'tls-no-old-versions', 'certificate-renewed-in-time', 'cookies-encrypted', 'no-server-version'])
    expect(of(id)).toMatch(/^pass/);
  expect(of('certificate-trusted')).toBe('fail: tls.trusted is false; it must be true');
  expect(of('cookies-out-of-reach')).toBe('fail: cookies.httpOnly is false; it must be true');
  expect(of('encrypted-or-redirected')).toMatch(/^not-applicable/);
});

test('docs/checks.md names every fact, and its example is a rule file', async () => {
  const docs = await readFile(new URL('../../docs/checks.md', import.meta.url), 'utf8');
  for (const name of factNames) expect(docs).toContain(`\`${name}\``);
  const [, example = ''] = /```yaml\n(.+?)```/s.exec(docs) ?? [];
  expect(readRules(example, 'the example').rules.map(({ id }) => id)).toEqual(['tls-current', 'hsts', 'cookies-encrypted']);
});

test('every kind of test, on the facts of a server with TLS', async () => {
  const rules = readRules(
    ruleFile(
      `${head('equals')}, fact: http.status, equals: 200`,
      `${head('oneOf')}, fact: tls.version, oneOf: [TLSv1.1]`,
      `${head('atLeast')}, fact: certificate.daysLeft, atLeast: 100000`,
      `${head('atMost')}, fact: target.port, atMost: 65535`,
      `${head('matches')}, fact: certificate.subject, matches: ^LOCAL`,
      `${head('notMatches')}, fact: http.headers.server, notMatches: x`,
      `${head('present')}, fact: http.headers.server, present: true`,
      `${head('cookies')}, fact: cookies.secure, equals: true`,
      `${head('trusted')}, fact: tls.trusted, equals: true`,
      `${head('when')}, fact: http.status, equals: 500, when: { fact: cookies.name, matches: sid }`,
      `${head('old')}, fact: tls.acceptsOldVersions, equals: false`,
    ),
    'mine.yaml',
  );
  const headers = { 'set-cookie': ['sid=1; Secure', 'sid2=2'] };
  const url = await startSecureTarget('valid.pem', (_, response) => response.writeHead(200, headers).end());
  const { result, of } = await run('COMPLIANCE', url, {}, { rules });
  expect(result['ruleSet']).toBe('Mine');
  expect(Object.fromEntries(result.findings.map(({ id, outcome }) => [id, outcome]))).toEqual({
    ...{ equals: 'pass', oneOf: 'fail', atLeast: 'fail', atMost: 'pass', matches: 'pass', notMatches: 'pass', present: 'fail' },
    ...{ cookies: 'fail', trusted: 'fail', when: 'fail', old: 'not-applicable' },
  });
  expect(of('cookies')).toBe('fail: cookies.secure is true, false; it must be true');
});

test.each([
  { text: 'name: [', says: /^the rules in mine\.yaml are not valid YAML: .*line 1/s },
  { text: '- 1', says: /: Invalid|must be/ },
  { text: 'name: Mine\nrules: []', says: /field "rules": must not be empty/ },
  {
    text: ruleFile('id: a, title: A, severity: bad, fact: http.status, equals: 1'),
    says: /rule "a", field "severity": must be one of info, low/,
  },
  { text: ruleFile('title: A, severity: low, fact: http.status, equals: 1'), says: /rule 1, field "id": must be a text/ },
  {
    text: ruleFile(`${head('a')}, fact: http.stat, equals: 1`),
    says: /rule "a", field "fact": "http\.stat" is not known; known are target\.scheme/,
  },
  { text: ruleFile(`${head('a')}, fact: http.status`), says: /rule "a": must have exactly one of equals, oneOf/ },
  {
    text: ruleFile(`${head('a')}, fact: http.status, equals: 1, atMost: 2`),
    says: /rule "a": must have exactly one .*not equals and atMost/,
  },
  {
    text: ruleFile(`${head('a')}, fact: tls.version, atLeast: 1`),
    says: /rule "a", field "atLeast": does not fit tls\.version, which is a text/,
  },
  { text: ruleFile(`${head('a')}, fact: http.status, equals: ok`), says: /rule "a", field "equals": "ok" does not fit http\.status/ },
  { text: ruleFile(`${head('a')}, fact: tls.version, matches: "("`), says: /rule "a", field "matches": must be a regular expression/ },
  { text: ruleFile(`${head('a')}, fact: tls.version, like: x`), says: /rule "a": has no field "like"/ },
  {
    text: ruleFile(`${head('a')}, fact: http.status, equals: 1, when: { fact: x, equals: 1 }`),
    says: /rule "a", field "when\.fact": "x" is not known/,
  },
  {
    text: ruleFile(`${head('a')}, fact: http.status, equals: 1`, `${head('a')}, fact: http.status, equals: 1`),
    says: /rule "a", field "id": stands there twice/,
  },
])('a wrong rule file is refused: $says', ({ text, says }) => {
  expect(() => readRules(text, 'mine.yaml')).toThrow(says);
  expect(() => readRules(text, 'mine.yaml')).toThrow(expect.objectContaining({ name: 'CheckError', retryable: false }));
});

test('rules come from a file, in JSON too', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'rules-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'rules.json');
  const rule = { id: 'up', title: 'It is up', severity: 'high', fact: 'http.status', equals: 200 };
  await writeFile(path, JSON.stringify({ name: 'Mine', rules: [rule] }));
  expect((await loadRules(path)).rules).toEqual([rule]);
  expect((await failureOf(loadRules(join(folder, 'none.yaml')))).message).toMatch(/none\.yaml can't be read: ENOENT/);
});
