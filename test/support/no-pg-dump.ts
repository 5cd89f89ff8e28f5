import { spawnSync } from 'node:child_process';
import pg from 'pg';
import { inject } from 'vitest';

/** Whether there is no pg_dump on the PATH that can dump from the server of the tests: one as new as the server. */
export async function noPgDump(): Promise<boolean> {
  const { stdout, error } = spawnSync('pg_dump', ['--version'], { encoding: 'utf8' });
  const own = Number(/\) (\d+)/.exec(stdout ?? '')?.[1] ?? 0);
  const isMissing = error !== undefined || own < (await majorOfServer());
  if (isMissing)
    console.warn(
      `*** SKIPPED: no backup is made and restored, for there is no pg_dump that can dump from this server${own > 0 ? ` (it is of version ${own})` : ''}. Install the client programs of its version (on Debian: apt-get install postgresql-client), or set DATABASE_URL to a server that yours can dump from. ***`,
    );
  return isMissing;
}

async function majorOfServer(): Promise<number> {
  const client = new pg.Client(inject('serverUrl'));
  await client.connect();
  const { rows } = await client.query<{ server_version_num: string }>('show server_version_num');
  await client.end();
  return Math.floor(Number(rows[0]?.server_version_num) / 10_000);
}
