import pg from 'pg';
import { StartupError } from '../startup-error.ts';
import { connectToDatabase } from './connection.ts';
import type { DatabaseLog } from './log.ts';

export interface DirectAccessOptions {
  readonly databaseUrl: string;
  readonly log: DatabaseLog;
  /** The group role of those who may read. */
  readonly reader: string;
  /** The group role of those who may change assessments too. */
  readonly operator: string;
}

/** What everybody may see of an assessment: all but the tokens, by which its worker is known. */
const readable = [
  ...['id', 'tenant_id', 'assessment_id', 'state', 'version', 'type', 'source', 'server_name', 'request_data', 'request_hash'],
  ...['result_data', 'error_message', 'message', 'progress', 'priority', 'retry_count', 'max_retries', 'next_retry_at', 'timeout_ms'],
  ...['claimed_by', 'claimed_at', 'claim_expires_at', 'claim_seen_at', 'queue_rank', 'ready', 'changed_by', 'change_reason'],
  ...['created_at', 'updated_at', 'started_at', 'completed_at'],
];

/** What an operator may set; what follows from it is set by the guard of the table. */
const changeable = [
  ...[
    'state',
    'server_name',
    'result_data',
    'error_message',
    'message',
    'progress',
    'priority',
    'max_retries',
    'next_retry_at',
    'timeout_ms',
  ],
  ...['changed_by', 'change_reason'],
];

/**
 * Makes the two group roles where there are none, and grants them what they may do in this database: no more and no less, however often it
 * is run. Row-level security shows them the rows of one tenant at a time. The roles can't log in; grant them to those that can.
 * @returns the roles that this call has made.
 * @throws StartupError: DATABASE_UNREACHABLE; CONFIG_INVALID when a role is missing and may not be made, or would pass by row-level security.
 */
export async function grantDirectAccess({ databaseUrl, log, reader, operator }: DirectAccessOptions): Promise<{ created: string[] }> {
  const client = await connectToDatabase({ databaseUrl, log });
  try {
    const created: string[] = [];
    for (const role of [reader, operator]) if (await createRole(client, role)) created.push(role);
    for (const role of [reader, operator]) await refuseMightyRole(client, role);
    await client.query(await grants(client, reader, operator));
    return { created };
  } finally {
    await client.end().catch(() => undefined);
  }
}

const quoted = pg.escapeIdentifier;

/** False when it is there already, be it that somebody else has just made it. */
async function createRole(client: pg.Client, role: string): Promise<boolean> {
  const { rowCount } = await client.query('select from pg_roles where rolname = $1', [role]);
  if (rowCount !== 0) return false;
  try {
    await client.query(`create role ${quoted(role)} nologin`);
    return true;
  } catch (error) {
    const { code, message } = error as { code?: string; message?: string };
    if (code === '42710' || code === '23505') return false;
    if (code !== '42501') throw error;
    const hint = `Have an administrator of the server run: create role ${quoted(role)} nologin; and try again.`;
    throw new StartupError('CONFIG_INVALID', `The role ${role} is missing and can't be made by this login: ${message}. ${hint}`, {
      cause: error,
    });
  }
}

/** Such a role would see all tenants, or could do what it was not granted. */
async function refuseMightyRole(client: pg.Client, role: string): Promise<void> {
  const { rowCount } = await client.query(
    `select from pg_roles r join pg_class c on c.oid = 'assessment_states'::regclass
     where r.rolname = $1 and (r.rolsuper or r.rolbypassrls or pg_has_role(r.oid, c.relowner, 'member'))`,
    [role],
  );
  if (rowCount !== 0)
    throw new StartupError(
      'CONFIG_INVALID',
      `The role ${role} is a superuser, bypasses row-level security, or may act as the owner of the tables: choose another name.`,
    );
}

// Known to PostgreSQL by this number: two that grant at once would get in each other's way.
const grantLock = 4_711_002;

/** One transaction: nobody ever sees half of it. */
async function grants(client: pg.Client, reader: string, operator: string): Promise<string> {
  const { rows } = await client.query<{ database: string; schema: string }>(
    'select current_database() as database, current_schema() as schema',
  );
  const { database = '', schema = '' } = rows[0] ?? {};
  const both = [reader, operator].map(quoted).join(', ');
  return `begin;
    select pg_advisory_xact_lock(${grantLock});
    revoke all on assessment_states, assessment_state_audit from ${both};
    grant connect on database ${quoted(database)} to ${both};
    grant usage on schema ${quoted(schema)} to ${both};
    grant select (${readable.join(', ')}) on assessment_states to ${both};
    grant select on assessment_state_audit to ${both};
    grant update (${changeable.join(', ')}) on assessment_states to ${quoted(operator)};
    commit`;
}
