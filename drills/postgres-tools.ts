import { spawn } from 'node:child_process';
import pg from 'pg';

/** Runs a program of PostgreSQL to its end. @throws Error with what it printed when it cannot be started, or fails */
export function runTool(program: 'pg_dump' | 'pg_restore', databaseUrl: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: { ...process.env, ...variablesOf(databaseUrl) }, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString('utf8');
      });
    child.once('error', (error) =>
      reject(new Error(`${program} cannot be started (${error.message}): install the client programs of PostgreSQL`)),
    );
    child.once('close', (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`${program} failed with exit code ${code}:\n${output.trim()}`));
    });
  });
}

/** Where the database is, as the programs of PostgreSQL take it from the environment: in arguments everybody could read the password. */
function variablesOf(databaseUrl: string): NodeJS.ProcessEnv {
  const { host, port, user, password, database } = new pg.Client(databaseUrl);
  return {
    PGHOST: host,
    PGPORT: String(port),
    PGDATABASE: database ?? '',
    ...(user && { PGUSER: user }),
    ...(typeof password === 'string' && password !== '' && { PGPASSWORD: password }),
  };
}
