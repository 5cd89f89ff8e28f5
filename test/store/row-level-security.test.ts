import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { grantDirectAccess } from '../../src/database/direct-access.ts';
import { migrate } from '../../src/database/migrate.ts';
import type { Actor } from '../../src/store/index.ts';
import { findAuditFlaws } from '../support/audit-checker.ts';
import { type DirectAccess, openDirectAccess } from '../support/direct-access.ts';
import { startTestStore, type TestStore } from '../support/test-store.ts';

const [acme, globex]: [Actor, Actor] = [
  { tenantId: 'acme', subject: 'alice' },
  { tenantId: 'globex', subject: 'gina' },
];

let setup: TestStore;
let access: DirectAccess;
let owner: pg.Client;
beforeAll(async () => {
  setup = await startTestStore();
  owner = await setup.database.connect();
  for (const actor of [acme, globex]) {
    await setup.store.createAssessment({ assessmentId: 'same', type: 'HEALTH', serverName: actor.tenantId }, actor);
    await setup.store.createAssessment({ assessmentId: 'ended', type: 'HEALTH' }, actor);
    await setup.store.cancelAssessment({ assessmentId: 'ended' }, actor);
  }
  access = await openDirectAccess(setup.database);
});
afterAll(async () => {
  const flaws = await findAuditFlaws(owner);
  await access.drop();
  await setup.stop();
  expect(flaws).toEqual([]);
});

async function connect(group: 'reader' | 'operator', tenantId?: string): Promise<pg.Client> {
  const client = await access.connectAs(group);
  if (tenantId !== undefined) await client.query(`select set_config('app.tenant_id', $1, false)`, [tenantId]);
  return client;
}
const everything = async () => [
  (await owner.query('select * from assessment_states order by tenant_id, assessment_id')).rows,
  (await owner.query('select * from assessment_state_audit order by seq')).rows,
];

/** The SQLSTATE that the statement is refused with, everything being as it was. */
async function refusalOf(client: pg.Client, sql: string): Promise<string> {
  const before = await everything();
  const code = await client.query(sql).then(
    () => 'not refused',
    (error: { code: string }) => error.code,
  );
  expect(await everything()).toEqual(before);
  return code;
}

const notPermitted = '42501';

describe.each(['reader', 'operator'] as const)('a login in the group of the %s', (group) => {
  test.each([
    ['with no tenant named', 'reset app.tenant_id'],
    ['with a tenant that there is not', `set app.tenant_id = 'nobody'`],
    ['with an empty tenant', `set app.tenant_id = ''`],
  ])('sees no row %s', async (_, sql) => {
    const client = await connect(group);
    await client.query(sql);
    for (const table of ['assessment_states', 'assessment_state_audit'])
      expect((await client.query(`select tenant_id from ${table}`)).rows).toEqual([]);
  });

  test('sees the rows of the tenant that it names, and no others, whatever it asks for', async () => {
    const client = await connect(group, 'acme');
    for (const table of ['assessment_states', 'assessment_state_audit']) {
      const { rows } = await client.query(`select distinct tenant_id from ${table}`);
      expect(rows).toEqual([{ tenant_id: 'acme' }]);
      expect((await client.query(`select tenant_id from ${table} where tenant_id = 'globex'`)).rows).toEqual([]);
      expect((await client.query(`select tenant_id from ${table} where tenant_id = 'globex' or true`)).rows.length).toBeGreaterThan(0);
    }
    await client.query(`begin; set local app.tenant_id = 'globex'`);
    expect((await client.query('select distinct tenant_id from assessment_states')).rows).toEqual([{ tenant_id: 'globex' }]);
    await client.query('commit');
    expect((await client.query('select distinct tenant_id from assessment_states')).rows).toEqual([{ tenant_id: 'acme' }]);
  });

  test('cannot look behind the policy with a function of its own that tells of every row it is shown', async () => {
    const client = await connect(group, 'acme');
    const told: string[] = [];
    client.on('notice', ({ message }) => void told.push(String(message)));
    await client.query(`create function pg_temp.tell(text) returns boolean language plpgsql cost 0.0000001
      as $$ begin raise notice '%', $1; return true; end $$`);
    await client.query('select assessment_id from assessment_states where pg_temp.tell(tenant_id)');
    expect([...new Set(told)]).toEqual(['acme']);
  });

  test.each(['claim_token', 'cancelled_claim_token'])('does not get to see %s', async (column) => {
    expect(await refusalOf(await connect(group, 'acme'), `select ${column} from assessment_states`)).toBe(notPermitted);
  });

  test.each(['assessment_search', 'assessment_search_pending', 'assessment_log_cut', 'assessment_log_epoch', '_prisma_migrations'])(
    'has nothing to do with %s',
    async (table) => {
      expect(await refusalOf(await connect(group, 'acme'), `select * from ${table}`)).toBe(notPermitted);
    },
  );

  test.each([
    [
      'insert an assessment',
      `insert into assessment_states (id, tenant_id, assessment_id, type, source, request_data, request_hash)
      values (gen_random_uuid(), 'acme', 'new', 'health', 'api', '{}', '')`,
    ],
    ['delete an ended assessment', `delete from assessment_states where assessment_id = 'ended'`],
    ['empty the table', 'truncate assessment_states'],
    ['empty the audit trail', 'truncate assessment_state_audit'],
    ['change the audit trail', `update assessment_state_audit set changed_by = 'nobody'`],
    ['delete from the audit trail', 'delete from assessment_state_audit'],
    [
      'forge a line of the audit trail',
      `insert into assessment_state_audit
      (tenant_id, assessment_id, new_state, version_to, changed_by, progress, retry_count) values ('acme', 'new', 'pending', 1, 'nobody', 0, 0)`,
    ],
    ['turn the policies off', 'alter table assessment_states disable row level security'],
    ['turn the triggers off', 'alter table assessment_states disable trigger user'],
    ['turn all triggers off by its session', 'set session_replication_role = replica'],
    ['act as the owner', 'set role postgres'],
    ['make a function where ours are looked for', `create function public.mine() returns int language sql as 'select 1'`],
    ['change the tenant of a row', `update assessment_states set tenant_id = 'globex'`],
    ['change a token', 'update assessment_states set claim_token = null'],
  ])('may not %s', async (_, sql) => {
    const client = await connect(group, 'acme');
    expect(await refusalOf(client, sql)).toBe(notPermitted);
  });

  test('may not write audit rows by attaching our triggers to a table of its own', async () => {
    const client = await connect(group, 'acme');
    await client.query('create temp table bait (id uuid, tenant_id text)');
    for (const [event, tables, name] of [
      ['insert', 'new table as inserted', 'assessment_states_audit_insert'],
      ['update', 'old table as before_change new table as after_change', 'assessment_states_audit_update'],
      ['delete', 'old table as deleted', 'assessment_states_delete_audit'],
    ])
      expect(
        await refusalOf(
          client,
          `create trigger bait after ${event} on bait referencing ${tables} for each statement execute function ${name}()`,
        ),
      ).toBe(notPermitted);
  });

  test('turned off, row security is an error and not more rows', async () => {
    const client = await connect(group, 'acme');
    await client.query('set row_security = off');
    expect(await refusalOf(client, 'select assessment_id from assessment_states')).toBe(notPermitted);
  });
});

describe('a reader', () => {
  test('may change nothing', async () => {
    expect(await refusalOf(await connect('reader', 'acme'), `update assessment_states set message = 'x'`)).toBe(notPermitted);
  });
});

describe('an operator', () => {
  const audit = async (tenantId: string, assessmentId: string) =>
    (
      await owner.query(
        `select new_state, changed_by, change_reason from assessment_state_audit where tenant_id = $1 and assessment_id = $2 order by version_to`,
        [tenantId, assessmentId],
      )
    ).rows.slice(1);

  async function createPending(actor: Actor): Promise<string> {
    const assessmentId = randomUUID();
    await setup.store.createAssessment({ assessmentId, type: 'HEALTH' }, actor);
    return assessmentId;
  }

  test('changes the rows of its tenant alone, guarded and audited by its login', async () => {
    const client = await connect('operator', 'acme');
    const { rowCount } = await client.query(`update assessment_states set priority = 1 where assessment_id = 'same'`);
    expect(rowCount).toBe(1);
    const by = `database:${access.loginOf('operator')}`;
    expect(await audit('acme', 'same')).toEqual([{ new_state: 'pending', changed_by: by, change_reason: null }]);
    expect(await audit('globex', 'same')).toEqual([]);
    expect((await setup.store.getState('same', acme)).priority).toBe(1);
  });

  test('says why by naming itself', async () => {
    const assessmentId = await createPending(acme);
    const client = await connect('operator', 'acme');
    await client.query(
      `update assessment_states set state = 'cancelled', changed_by = 'database:' || session_user, change_reason = 'asked for' where assessment_id = $1`,
      [assessmentId],
    );
    expect(await audit('acme', assessmentId)).toEqual([
      { new_state: 'cancelled', changed_by: `database:${access.loginOf('operator')}`, change_reason: 'asked for' },
    ]);
  });

  test('does not get past the lifecycle', async () => {
    const client = await connect('operator', 'acme');
    expect(await refusalOf(client, `update assessment_states set state = 'completed' where assessment_id = 'same'`)).toBe('AS001');
    expect(await refusalOf(client, `update assessment_states set message = 'x' where assessment_id = 'ended'`)).toBe('AS002');
  });

  test.each([
    ['by setting it', `priority = 1, changed_by = 'alice'`],
    ['by the setting of the guard', `message = set_config('assessment_store.author_named', 'yes', true)`],
  ])('cannot put a change down to somebody else: %s', async (_, what) => {
    const assessmentId = await createPending(acme);
    const client = await connect('operator', 'acme');
    expect(await refusalOf(client, `update assessment_states set ${what} where assessment_id = '${assessmentId}'`)).toBe('AS005');
  });

  test('cannot lead the audit rows into a temporary table of its own', async () => {
    const assessmentId = await createPending(acme);
    const client = await connect('operator', 'acme');
    await client.query('create temp table assessment_state_audit (like public.assessment_state_audit including all)');
    await client.query('create temp table assessment_search_pending (seq bigint generated always as identity, id uuid)');
    await client.query(`update public.assessment_states set priority = 2 where assessment_id = $1`, [assessmentId]);
    expect((await client.query('select from pg_temp.assessment_state_audit')).rowCount).toBe(0);
    expect(await audit('acme', assessmentId)).toHaveLength(1);
  });

  test('lifts no row into another tenant, be it granted more than it was', async () => {
    await owner.query(`grant insert on assessment_states to ${access.operator}`);
    onTestFinished(async () => void (await owner.query(`revoke insert on assessment_states from ${access.operator}`)));
    const client = await connect('operator', 'acme');
    const insert = (tenantId: string, rest = ['', '']) =>
      `insert into assessment_states (id, tenant_id, assessment_id, type, source, request_data, request_hash ${rest[0]})
       values (gen_random_uuid(), '${tenantId}', 'inserted', 'health', 'api', '{}', '' ${rest[1]})`;
    expect(await refusalOf(client, insert('globex'))).toBe(notPermitted);
    expect(await refusalOf(client, insert('acme', [', changed_by', `, 'alice'`]))).toBe('AS005');
    await client.query(insert('acme'));
    expect((await owner.query(`select tenant_id, changed_by from assessment_states where assessment_id = 'inserted'`)).rows).toEqual([
      { tenant_id: 'acme', changed_by: `database:${access.loginOf('operator')}` },
    ]);
  });
});

describe('the service', () => {
  const planOf = async (client: pg.Client): Promise<string> =>
    JSON.stringify((await client.query(`explain (verbose) select assessment_id from assessment_states where tenant_id = 'acme'`)).rows);

  test('owns the tables and pays nothing for the policies: they are not in its plans', async () => {
    expect(await planOf(owner)).not.toContain('app.tenant_id');
    expect(await planOf(await connect('reader', 'acme'))).toContain('app.tenant_id');
  });

  test('that owns them without being a superuser sees all tenants', async () => {
    const role = `test_owner_${randomUUID().slice(0, 8)}`;
    await owner.query(`begin; create role ${role}; alter table assessment_states owner to ${role}; set local role ${role}`);
    onTestFinished(async () => void (await owner.query('rollback')));
    expect(await planOf(owner)).not.toContain('app.tenant_id');
    expect((await owner.query('select distinct tenant_id from assessment_states order by 1')).rows).toEqual([
      { tenant_id: 'acme' },
      { tenant_id: 'globex' },
    ]);
  });

  test('does not start as a login that would see nothing, and says what to do; as a member of the owner’s role it does', async () => {
    const role = `test_service_${randomUUID().slice(0, 8)}`;
    const tables = `test_tables_${randomUUID().slice(0, 8)}`;
    const { database } = setup;
    await owner.query(`create role "${role}" login password 'x'; grant select on _prisma_migrations to "${role}"; create role "${tables}"`);
    const { rows } = await owner.query('select current_user as name');
    onTestFinished(async () => {
      await owner.query(
        `alter table assessment_states owner to "${rows[0].name}"; drop owned by "${role}", "${tables}"; drop role "${role}", "${tables}"`,
      );
    });
    await owner.query(`alter table assessment_states owner to "${tables}"`);
    const databaseUrl = Object.assign(new URL(database.url), { username: role, password: 'x' }).href;
    const log = { info: () => {}, warn: () => {}, error: () => {} };
    await expect(migrate({ databaseUrl, log })).rejects.toMatchObject({
      failure: 'MIGRATION_FAILED',
      message: expect.stringContaining(`grant ${tables} to ${role};`),
    });
    await owner.query(`grant "${tables}" to "${role}"`);
    expect(await migrate({ databaseUrl, log })).toEqual({ applied: [] });
    const service = new pg.Client(databaseUrl);
    await service.connect();
    const seen = await service.query('select distinct tenant_id from assessment_states').finally(() => service.end());
    expect(seen.rowCount).toBe(2);
  });

  test('no table of the database is without row-level security but those that say nothing of tenants', async () => {
    const { rows } = await owner.query(
      `select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace and not relrowsecurity order by 1`,
    );
    expect(rows.map(({ relname }) => relname)).toEqual(['_prisma_migrations', 'assessment_log_epoch']);
  });

  test('no function that runs as the owner may be called by others, or looks for tables where others may put them', async () => {
    const { rows } = await owner.query(
      `select proname, has_function_privilege('public', oid, 'execute') as open, proconfig::text like '%search_path=pg_catalog, public, pg_temp%' as pinned
       from pg_proc where prosecdef and pronamespace = 'public'::regnamespace order by 1`,
    );
    expect(rows.length).toBe(3);
    expect(rows.filter(({ open, pinned }) => open || !pinned)).toEqual([]);
  });
});

describe('granting access', () => {
  const again = (reader: string, operator: string) =>
    grantDirectAccess({ databaseUrl: setup.database.url, log: { info: () => {}, warn: () => {}, error: () => {} }, reader, operator });

  test('takes back what is too much, and may be repeated', async () => {
    await owner.query(`grant all on assessment_states to ${access.reader}`);
    expect(await again(access.reader, access.operator)).toEqual({ created: [] });
    expect(await refusalOf(await connect('reader', 'acme'), `update assessment_states set message = 'x'`)).toBe(notPermitted);
  });

  test('by several at once makes each role once', async () => {
    const [reader, operator] = [randomUUID(), randomUUID()].map((id) => `test "${id}`) as [string, string];
    const all = await Promise.all(
      [again(reader, operator), again(reader, operator), again(reader, operator)].map((one) => one.catch((error: unknown) => error)),
    );
    for (const role of [reader, operator])
      await owner.query(`drop owned by "${role.replace('"', '""')}"; drop role "${role.replace('"', '""')}"`);
    expect(all.filter((one) => one instanceof Error)).toEqual([]);
    expect(all.flatMap((one) => (one as { created: string[] }).created).sort()).toEqual([reader, operator].sort());
  });

  test('to a role that passes by the policies is refused', async () => {
    const { rows } = await owner.query('select current_user as role');
    await expect(again(rows[0].role, access.operator)).rejects.toThrow(/superuser, bypasses row-level security/);
  });

  test('by a login that may not make roles says what an administrator has to do', async () => {
    const url = Object.assign(new URL(setup.database.url), { username: access.loginOf('reader'), password: access.reader.slice(-12) }).href;
    const log = { info: () => {}, warn: () => {}, error: () => {} };
    await expect(grantDirectAccess({ databaseUrl: url, log, reader: 'test_missing', operator: access.operator })).rejects.toThrow(
      /Have an administrator .* create role "test_missing" nologin/,
    );
  });
});
