import { spawn } from 'node:child_process';

/** The system account that a program runs as; empty: the account of this process. */
export type Account = { readonly uid: number; readonly gid: number } | Record<string, never>;

/**
 * What every PostgreSQL program gets, and nothing else: PGPORT, PGDATA or a password in the service's own environment must not reach it.
 * The C locale keeps the messages that we read in English.
 */
export const programEnvironment = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', TZ: 'UTC' };

/** Runs a program to its end and gives its exit code (-1: it could not be started, or a signal ended it) and all that it printed. Never throws. */
export function runCommand(command: string, args: readonly string[], account: Account = {}): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    // The root folder, since the account may not be allowed into ours. A group of its own, so that Ctrl-C reaches only the service.
    const child = spawn(command, args, {
      ...account,
      cwd: '/',
      env: programEnvironment,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const collect = (chunk: Buffer) => {
      output += chunk.toString('utf8');
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.once('error', (error) => resolve({ code: -1, output: error.message }));
    child.once('close', (code) => resolve({ code: code ?? -1, output: output.trim() }));
  });
}
