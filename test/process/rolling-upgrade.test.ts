import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { createAssessmentClient } from '../../src/client/index.ts';
import { createWorker } from '../../src/worker/index.ts';
import { findAuditFlaws } from '../support/audit-checker.ts';
import { Balancer } from '../support/balancer.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { endServices, startService } from '../support/service-process.ts';
import { createTestDatabase } from '../support/test-database.ts';
import { TestLog } from '../support/test-log.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const submitters = 8;

afterAll(endServices);

/** What a later version may do to the tables: it adds, and takes nothing away. */
const additive = `
alter table assessment_states add column team varchar(100);
alter table assessment_state_audit add column team varchar(100);
create table assessment_note (id uuid primary key, assessment uuid not null references assessment_states (id) on delete cascade, note text not null);
create index assessment_states_team on assessment_states (tenant_id, team) where team is not null;
`;

/** A later version of the service: what is built, and one migration more. Gives its main program. */
async function laterVersion(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'assessment-store-later-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  for (const part of ['dist', 'prisma', 'package.json', 'schema.graphql'])
    await cp(join(root, part), join(folder, part), { recursive: true });
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  const migration = join(folder, 'prisma/migrations/20991231000000_later');
  await mkdir(migration);
  await writeFile(join(migration, 'migration.sql'), additive);
  return join(folder, 'dist/main.js');
}

/** Submits and waits, one after the other, until it is told to stop. */
class Submitters {
  readonly ended: string[] = [];
  readonly failures: unknown[] = [];
  readonly #client: ReturnType<typeof createAssessmentClient>;
  readonly #running: Promise<unknown>;
  #stopped = false;
  #begun = 0;

  constructor(url: string) {
    this.#client = createAssessmentClient({ url });
    this.#running = Promise.all(Array.from({ length: submitters }, () => this.#submit()));
  }

  /** Waits until so many more have ended. */
  async more(count: number): Promise<void> {
    const goal = this.ended.length + count;
    await eventually(`${count} more have ended; failures: ${String(this.failures)}`, () => this.ended.length >= goal, 30_000);
  }

  /** Gives how many were submitted in all. */
  async stop(): Promise<number> {
    this.#stopped = true;
    await this.#running;
    await this.#client.close();
    return this.#begun;
  }

  async #submit(): Promise<void> {
    while (!this.#stopped) {
      const assessmentId = `upgrade-${this.#begun++}`;
      try {
        await this.#client.createAssessment({ assessmentId, type: 'HEALTH' });
        const { assessment } = await this.#client.waitForCompletion({ assessmentId, timeoutMs: 30_000 });
        this.ended.push(`${assessmentId} ${assessment.state}`);
      } catch (error) {
        this.failures.push(error);
      }
    }
  }
}

test('instances are replaced one by one by a later version with a migration of its own: no request fails, nobody waits in vain', async () => {
  const later = await laterVersion();
  const database = await createTestDatabase();
  onTestFinished(() => database.drop());
  const ports = [await freePort(), await freePort()];
  const start = (port = 0, program?: string) =>
    startService({ DATABASE_URL: database.url, PORT: String(port), RECONCILE_MS: '300', DRAIN_MS: '2000' }, program);
  const old = ports.map((port) => start(port));
  const urls = await Promise.all(old.map((instance) => instance.ready()));
  const balancer = await Balancer.before(urls);
  const workers = createAssessmentClient({ url: balancer.url });
  const worker = createWorker({ client: workers, handlers: { HEALTH: () => ({ passed: true }) }, concurrency: 8, log: new TestLog() });
  worker.start();
  const submitters = new Submitters(balancer.url);
  await submitters.more(50);

  const psql = await database.connect();
  const columns = async () =>
    (await psql.query(`select 1 from information_schema.columns where table_name = 'assessment_states' and column_name = 'team'`)).rowCount;
  for (const [index, instance] of old.entries()) {
    expect(await columns()).toBe(index); // the first of the later version migrates, beside the other old one
    await instance.end();
    await start(ports[index], later).ready();
    await eventually('the load balancer uses it', () => balancer.uses(urls[index] ?? ''));
    await submitters.more(100);
  }
  const submitted = await submitters.stop();
  await worker.stop();
  await workers.close();
  await balancer.stop();
  expect(submitters.failures).toEqual([]);
  expect(submitters.ended.filter((end) => !end.endsWith(' COMPLETED'))).toEqual([]);
  expect(submitters.ended).toHaveLength(submitted);
  const { rows } = await psql.query(`select count(*)::int as count from assessment_states where state = 'completed'`);
  expect(rows).toEqual([{ count: submitted }]);
  expect(await findAuditFlaws(psql)).toEqual([]);
}, 120_000);
