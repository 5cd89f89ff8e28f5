import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, expect, test } from 'vitest';
import { findAuditFlaws } from '../support/audit-checker.ts';
import { eventually } from '../support/eventually.ts';
import { randomNumbers } from '../support/random-numbers.ts';
import { createDataFolder, endServices, isRunning, postgresPid, sendTo, startService } from '../support/service-process.ts';
import { createTestDatabase } from '../support/test-database.ts';

const seed = Number(process.env['TEST_SEED'] ?? Date.now() % 2 ** 31);
console.log(`killed.test.ts: TEST_SEED=${seed}`);
const creations = 2_000;
const concurrency = 64;
/** A round is a start, thousands of requests and sometimes another start; machines that are busy take long for that. */
const timeout = 180_000;

const random = randomNumbers(seed);

afterAll(endServices);

const create =
  'mutation ($id: String!, $n: Int!) { createAssessment(input: { assessmentId: $id, type: HEALTH, priority: $n }) { __typename ... on CreateAssessmentPayload { created } } }';
const ids = Array.from({ length: creations }, (_, index) => `run-${index}`);

interface Created {
  createAssessment: { __typename: string; created: boolean };
}

/** Submits all, many at a time, until the service no longer answers; tells of each that was acknowledged. */
async function submitAll(url: string, onAcknowledged: (id: string) => void): Promise<void> {
  const rest = ids.entries();
  const submitter = async (): Promise<void> => {
    for (const [index, id] of rest) {
      const { data } = await sendTo<Created>(url, create, { id, n: 1 + (index % 10) });
      expect(data.createAssessment.__typename).toBe('CreateAssessmentPayload');
      onAcknowledged(id);
    }
  };
  await Promise.allSettled(Array.from({ length: concurrency }, submitter));
}

/** Runs the service and kills it when it has acknowledged so many, while more are under way. */
async function killAmidCreations(environment: Record<string, string>, killAt: number): Promise<Set<string>> {
  const service = startService(environment);
  const url = await service.ready();
  const acknowledged = new Set<string>();
  await submitAll(url, (id) => {
    acknowledged.add(id);
    if (acknowledged.size === killAt) service.signal('SIGKILL');
  });
  expect(await service.ended()).toMatchObject({ signal: 'SIGKILL' });
  expect(acknowledged.size).toBeGreaterThanOrEqual(killAt);
  return acknowledged;
}

/** The ids that are kept, and whether each has exactly its one audit row. */
async function kept(client: pg.Client): Promise<Set<string>> {
  const { rows } = await client.query<{ id: string; audited: number }>(
    `select s.assessment_id as id, (select count(*)::int from assessment_state_audit a
       where a.tenant_id = s.tenant_id and a.assessment_id = s.assessment_id) as audited from assessment_states s`,
  );
  expect(rows.filter(({ audited }) => audited !== 1)).toEqual([]);
  expect(await findAuditFlaws(client)).toEqual([]);
  return new Set(rows.map(({ id }) => id));
}

/** Asks the restarted service for every one of these, as a client would. */
async function expectServed(url: string, expected: ReadonlySet<string>): Promise<void> {
  const all = [...expected];
  for (let from = 0; from < all.length; from += 1_000) {
    const { data } = await sendTo<{ assessments: { totalCount: number } }>(
      url,
      'query ($in: [String!]!) { assessments(first: 0, where: { assessmentId: { in: $in } }) { totalCount } }',
      { in: all.slice(from, from + 1_000) },
    );
    expect(data.assessments.totalCount).toBe(Math.min(1_000, all.length - from));
  }
}

/** Starts again and submits the whole run anew: what had been accepted is there, what had not is created now. */
async function runAgain(databaseUrl: string, accepted: ReadonlySet<string>): Promise<void> {
  const restarted = startService({ DATABASE_URL: databaseUrl });
  const url = await restarted.ready();
  await expectServed(url, accepted);
  const acknowledged = new Set<string>();
  await submitAll(url, (id) => acknowledged.add(id));
  expect(acknowledged.size).toBe(creations);
  expect((await restarted.end()).code).toBe(0);
}

// Far enough from the end that creations are under way at that moment.
const someMoment = (): number => 1 + Math.floor(random() * (creations - 4 * concurrency));
const rounds = [1, 2, 3].map((round) => ({ round, killAt: someMoment() }));

test.each(rounds)(
  'round $round: killed after $killAt of 2,000 were acknowledged, it has kept each of them with its one audit row',
  async ({ round, killAt }) => {
    const database = await createTestDatabase();
    const psql = await database.connect();
    const acknowledged = await killAmidCreations({ DATABASE_URL: database.url }, killAt);
    // What the server had received it may still commit; only then is the state final.
    await eventually('the connections of the killed service have ended', async () => {
      const { rows } = await psql.query('select 1 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()');
      return rows.length === 0;
    });
    const found = await kept(psql);
    expect([...acknowledged].filter((id) => !found.has(id))).toEqual([]);
    expect(found.size).toBeLessThan(creations);

    if (round === 1) await runAgain(database.url, acknowledged);
    expect((await kept(psql)).size).toBe(round === 1 ? creations : found.size);
    await database.drop();
  },
  timeout,
);

test(
  'on the embedded PostgreSQL too, which the next start takes over from the killed one',
  async () => {
    const { dataDir, remove } = await createDataFolder();
    const acknowledged = await killAmidCreations({ DATA_DIR: dataDir }, someMoment());
    const orphan = await postgresPid(dataDir);
    expect(await isRunning(orphan)).toBe(true);

    const restarted = startService({ DATA_DIR: dataDir });
    const url = await restarted.ready();
    expect(await isRunning(orphan)).toBe(false);
    expect(restarted.printed().out).toContain('left its PostgreSQL running');
    const psql = new pg.Client(await embeddedUrl(dataDir));
    await psql.connect();
    const found = await kept(psql);
    expect([...acknowledged].filter((id) => !found.has(id))).toEqual([]);
    await psql.end();
    await expectServed(url, acknowledged);
    expect((await restarted.end()).code).toBe(0);
    await remove();
  },
  timeout,
);

/** The embedded PostgreSQL on a data folder, as an operator reaches it. */
async function embeddedUrl(dataDir: string): Promise<string> {
  const password = (await readFile(join(dataDir, 'password'), 'utf8')).trim();
  const [, , , port] = (await readFile(join(dataDir, 'cluster', 'postmaster.pid'), 'utf8')).split('\n');
  return `postgresql://postgres:${password}@127.0.0.1:${port}/postgres`;
}
