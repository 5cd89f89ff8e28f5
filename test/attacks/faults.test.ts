import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApp, type TestApp } from '../support/test-app.ts';
import { transports } from '../support/transports.ts';

const forged = '{"level":60,"msg":"forged"}';
const evil = `x\r\n${forged}\n\u001b[2Jx\u2028${forged}`;

let service: TestApp;
beforeAll(async () => {
  service = await startTestApp({ CACHE_ENTRIES: 0 });
  await service.send('mutation { createAssessment(input: { assessmentId: "there", type: HEALTH }) { __typename } }');
  const psql = await service.database.connect();
  await psql.query('alter table assessment_states rename column message to secret_column');
});
afterAll(() => service.stop());

const operations: Record<string, object> = {
  'a query': { query: `query ($id: String!) { broken: assessment(assessmentId: $id) { state } }`, variables: { id: evil } },
  'a list': { query: `{ broken: assessments(where: { serverName: { contains: ${JSON.stringify(evil)} } }) { nodes { state } } }` },
  'a command': {
    query: 'mutation ($id: String!) { broken: cancelAssessment(input: { assessmentId: $id }) { __typename } }',
    variables: { id: evil },
  },
  'an operation with a name that is none': { query: '{ __typename }', operationName: evil },
};
const inside = /column|relation|secret|prisma|postgres|select |assessment_states|4270\d|\.ts\b|\.js\b|node_modules|stack|\bat \w+ \(/i;

for (const [way, send] of Object.entries(transports)) {
  test.each(Object.entries(operations))(
    `a fault ${way} in %s tells nothing of the inside, and its line of the log is one line`,
    async (_, sent) => {
      service.logged.length = 0;
      const { errors = [] } = await send(service.url, { ...sent }, { 'user-agent': forged });
      expect(errors.length).toBeGreaterThan(0);
      for (const { message, extensions } of errors)
        expect(JSON.stringify({ message: message.replaceAll(evil, ''), extensions })).not.toMatch(inside);
      for (const text of service.logged) {
        const lines = text.trimEnd();
        expect(JSON.parse(lines)).not.toMatchObject({ msg: 'forged' });
        expect([...lines].filter((character) => character < ' ')).toEqual([]);
      }
    },
  );
}

test('a subscription that breaks tells nothing of the inside, as server-sent events and over a socket', async () => {
  for (const way of ['as server-sent events', 'over WebSocket']) {
    const reply = await transports[way]?.(service.url, { query: 'subscription { assessmentUpdated(assessmentId: "there") { kind } }' });
    expect(reply?.errors).toMatchObject([{ extensions: { code: 'INTERNAL', requestId: expect.any(String) } }]);
    for (const { message, extensions } of reply?.errors ?? []) expect(JSON.stringify({ message, extensions })).not.toMatch(inside);
  }
  expect(service.logged.some((line) => line.includes('does not exist'))).toBe(true);
});
