import { afterAll, beforeAll, expect, test } from 'vitest';
import { endServices, type ServiceProcess, sendTo, startService } from '../support/service-process.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { authorizationOf, testSecret } from '../support/tokens.ts';

let database: TestDatabase;
let service: ServiceProcess;
let url: string;
beforeAll(async () => {
  database = await createTestDatabase();
  service = startService({ NODE_ENV: 'production', AUTH_JWT_SECRET: testSecret, DATABASE_URL: database.url });
  url = await service.ready();
});
afterAll(async () => {
  await endServices();
  await database.drop();
});

test('in production it does not show GraphiQL, nor tells a fault to the client', async () => {
  const page = await fetch(url, { headers: { accept: 'text/html' } });
  expect(await page.text()).not.toMatch(/graphiql/i);
  const psql = await database.connect();
  await psql.query('alter table assessment_states rename column message to secret');
  const answer = await sendTo(url, '{ assessments { nodes { id } } }', {}, await authorizationOf());
  expect(answer).toMatchObject({ data: null, errors: [{ extensions: { code: 'INTERNAL', requestId: expect.any(String) } }] });
  expect(JSON.stringify(answer)).not.toContain('secret');
});

test('its whole log, to the last line, is JSON: one object a line, with time, level, service and message', async () => {
  const { code, out, err } = await service.end();
  expect({ code, err }).toEqual({ code: 0, err: '' });
  const lines = out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  for (const line of lines)
    expect(line).toMatchObject({
      level: expect.any(Number),
      time: expect.any(Number),
      service: 'assessment-store',
      msg: expect.stringMatching(/./),
    });
  const messages = lines.map(({ msg }) => msg);
  expect(messages).toContain(`AssessmentStore is ready: the GraphQL API is at ${url}`);
  expect(messages.slice(-3)).toEqual(['SIGTERM: stopping', 'draining', 'stopped']);
  const [fault] = lines.filter(({ level }) => level === 50);
  expect(fault).toMatchObject({
    requestId: expect.any(String),
    err: { message: expect.stringContaining('message'), stack: expect.any(String) },
  });
});
