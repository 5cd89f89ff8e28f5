import { expect, test } from 'vitest';
import { listMigrationNames } from '../../src/database/migrations-folder.ts';
import { createDatabase } from '../database/scratch.ts';
import { runCli } from './cli-process.ts';

test('says what it applied, then that there is nothing to do', async () => {
  const env = { DATABASE_URL: await createDatabase() };
  const names = await listMigrationNames();
  expect(await runCli(['migrate'], { env })).toMatchObject({ code: 0, out: `Applied: ${names.join(', ')}\n` });
  expect(await runCli(['migrate'], { env })).toMatchObject({ code: 0, out: 'The database is up to date.\n' });
});

test('what is wrong is a sentence, and has its own code', async () => {
  const bad = await runCli(['migrate'], { env: { DATABASE_URL: 'mysql://somewhere/else' } });
  expect(bad).toMatchObject({
    code: 10,
    out: '',
    err: expect.stringContaining('DATABASE_URL must be a URL that begins with postgresql://'),
  });
  const unknown = await runCli(['migrate', '--rolled-back', 'never_was'], { env: { DATABASE_URL: await createDatabase() } });
  expect(unknown).toMatchObject({ code: 15, out: '', err: expect.stringContaining('never_was') });
  expect(`${bad.err}${unknown.err}`).not.toMatch(/\n\s+at |node_modules/);
});
