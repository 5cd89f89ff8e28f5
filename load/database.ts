// What one assessment costs the database alone: creation, claim and completion in batches of 100, as plain SQL on one connection. See README.md.
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrate } from '../src/database/migrate.ts';
import { createLoadDatabase, findPostgres, type LoadDatabase } from './support/database.ts';
import { printTable } from './support/figures.ts';
import { requestOf, result } from './support/operations.ts';
import { setting } from './support/settings.ts';

const total = setting('N', 10_000);
const batch = 100;
/** Only so many of the migrations: what an earlier version of the tables costs. */
const migrations = setting('MIGRATIONS', 1_000);
const log = { debug: () => {}, info: () => {}, warn: console.error, error: console.error };

const steps: Record<string, string> = {
  creation: `insert into assessment_states (id, assessment_id, type, source, server_name, request_data, request_hash, changed_by)
    select gen_random_uuid(), 'b-' || lpad((first + n)::text, 9, '0'), 'compliance', 'api', 'web-1.example.com', body, '', 'load' from generate_series(0, last - first) n`,
  claim: `update assessment_states set state = 'processing', claimed_by = 'load', claim_token = gen_random_uuid(), claimed_at = now(),
    claim_expires_at = now() + interval '30 seconds', changed_by = 'load', change_reason = null where tenant_id = 'default' and assessment_id between low and high`,
  completion: `update assessment_states set state = 'completed', result_data = body, changed_by = 'load', change_reason = null
    where tenant_id = 'default' and assessment_id between low and high`,
};

/** All batches of a step in one call, so that nothing but the database is measured; microseconds for each row. */
async function measure(database: LoadDatabase, sql: string, body: object): Promise<number> {
  await database.query(`create or replace function load_step(total int, size int, body jsonb) returns void language plpgsql as $$
    declare first int := 0; last int; low text; high text;
    begin
      while first < total loop
        last := first + size - 1; low := 'b-' || lpad(first::text, 9, '0'); high := 'b-' || lpad(last::text, 9, '0');
        ${sql};
        first := first + size;
      end loop;
    end $$`);
  const begun = performance.now();
  await database.query('select load_step($1, $2, $3)', [total, batch, body]);
  return ((performance.now() - begun) * 1_000) / total;
}

async function migrateSome(databaseUrl: string): Promise<void> {
  const all = join(import.meta.dirname, '..', 'prisma', 'migrations');
  const folder = await mkdtemp(join(tmpdir(), 'assessment-store-migrations-'));
  try {
    const names = (await readdir(all)).filter((name) => /^\d/.test(name)).sort();
    for (const name of names.slice(0, migrations)) await cp(join(all, name), join(folder, name), { recursive: true });
    await migrate({ databaseUrl, log, migrationsDir: folder });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const server = await findPostgres();
const database = await createLoadDatabase(server);
try {
  await migrateSome(database.url);
  const rows = [];
  for (const [name, sql] of Object.entries(steps)) {
    const body = name === 'completion' ? result : requestOf('load');
    rows.push([name, `${(await measure(database, sql, body)).toFixed(0)} µs`]);
  }
  console.log(server.name);
  printTable([['in batches of 100', 'each'], ...rows]);
} finally {
  await database.drop();
  await server.stop();
}
