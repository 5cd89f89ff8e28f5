import { stat } from 'node:fs/promises';
import { StartupError } from '../startup-error.ts';
import { type Account, runCommand } from './run-command.ts';

/**
 * The account that PostgreSQL runs as. Anyone but root: their own. Root, as which PostgreSQL refuses to run: the owner of the cluster folder
 * when there is one already, otherwise the system user `postgres`, which is created when there is none.
 *
 * @throws StartupError EMBEDDED_POSTGRES_FAILED when that user can't be created.
 */
export async function choosePostgresAccount(cluster: string): Promise<Account> {
  if (process.getuid?.() !== 0) return {};
  const owner = await stat(cluster).catch(() => null);
  if (owner !== null && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  return (await lookUpPostgres()) ?? (await createPostgres());
}

async function lookUpPostgres(): Promise<Account | null> {
  const [uid, gid] = await Promise.all([runCommand('id', ['-u', 'postgres']), runCommand('id', ['-g', 'postgres'])]);
  return uid.code === 0 && gid.code === 0 ? { uid: Number(uid.output), gid: Number(gid.output) } : null;
}

async function createPostgres(): Promise<Account> {
  await runCommand('groupadd', ['--system', 'postgres']);
  const made = await runCommand('useradd', ['--system', '-g', 'postgres', '--no-create-home', '--shell', '/bin/false', 'postgres']);
  const account = await lookUpPostgres();
  if (account !== null) return account;
  throw new StartupError(
    'EMBEDDED_POSTGRES_FAILED',
    `PostgreSQL does not run as root, and the system user "postgres" could not be created (${made.output}). ` +
      'Start the service as an ordinary user, or create that user, or set DATABASE_URL to a PostgreSQL server.',
  );
}
