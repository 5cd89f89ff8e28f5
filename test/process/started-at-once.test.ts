import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { endServices, sendTo, startService } from '../support/service-process.ts';

const name = `assessment_test_${randomUUID().replaceAll('-', '')}`;
const url = (): string => Object.assign(new URL(inject('serverUrl')), { pathname: `/${name}` }).href;

async function query<Row extends pg.QueryResultRow>(connectionString: string, sql: string): Promise<Row[]> {
  const client = new pg.Client(connectionString);
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

beforeAll(async () => {
  await query(inject('serverUrl'), `create database ${name}`);
});
afterAll(async () => {
  await endServices();
  await query(inject('serverUrl'), `drop database if exists ${name} with (force)`);
});

test('services that are started at once on one fresh database all come up, and each migration is applied once', async () => {
  const services = Array.from({ length: 3 }, () => startService({ DATABASE_URL: url() }));
  const urls = await Promise.all(services.map((service) => service.ready()));
  const applied = await query<{ name: string; many: number }>(
    url(),
    'select migration_name as name, count(*)::int as many, bool_and(finished_at is not null) as finished from _prisma_migrations group by 1',
  );
  expect(applied.length).toBeGreaterThan(0);
  expect(applied).toEqual(applied.map(({ name: migration }) => ({ name: migration, many: 1, finished: true })));

  const [one = '', ...others] = urls;
  await sendTo(one, 'mutation { createAssessment(input: { assessmentId: "seen-by-all", type: HEALTH }) { __typename } }');
  for (const other of others) {
    expect(await sendTo(other, '{ assessment(assessmentId: "seen-by-all") { state } }')).toEqual({
      data: { assessment: { state: 'PENDING' } },
    });
  }
  for (const { code, err } of await Promise.all(services.map((service) => service.end())))
    expect({ code, err }).toEqual({ code: 0, err: '' });
});
