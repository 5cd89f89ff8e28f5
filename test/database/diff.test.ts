import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { diffSchema } from '../../src/database/diff.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/database/embedded-postgres.ts';
import { createFolder, keepLog, runSql, writeMigrations } from './scratch.ts';

const log = keepLog();
let folder: string;
let server: EmbeddedPostgres;

beforeAll(async () => {
  folder = await createFolder();
  server = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres'), log });
}, 60_000);

afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

test('prisma/schema.prisma agrees with the migrations, on the embedded PostgreSQL and on the tests’ server', async () => {
  expect(await diffSchema({ databaseUrl: server.url, log })).toBeNull();
  expect(await diffSchema({ databaseUrl: inject('serverUrl'), log })).toBeNull();
});

test('a column, an index and an enum value that the migrations lack are found', async () => {
  const schema = await readFile('prisma/schema.prisma', 'utf8');
  const schemaPath = join(folder, 'schema.prisma');
  const found = async (changed: string) => {
    expect(changed).not.toBe(schema);
    await writeFile(schemaPath, changed);
    return diffSchema({ databaseUrl: server.url, log, schemaPath });
  };
  expect(await found(schema.replace('model Assessment {', 'model Assessment {\n  surprise String?'))).toContain('surprise');
  expect(await found(schema.replace('model Assessment {', 'model Assessment {\n  @@index([errorMessage])'))).toContain('error_message');
  expect(await found(schema.replace('enum AssessmentState {', 'enum AssessmentState {\n  LOST @map("lost")'))).toContain('lost');
});

const beyondPrisma = `
create function touch() returns trigger language plpgsql as $$ begin new.name := lower(new.name); return new; end $$;
create table parents (id int not null, name text not null check (name <> ''), constraint parents_pkey primary key (id));
create table children (id int not null, parent_id int not null, constraint children_pkey primary key (id),
  constraint children_parent_id_fkey foreign key (parent_id) references parents (id) on delete cascade on update cascade);
create index parents_unnamed on parents (name) where name = 'unnamed';
create trigger touch before insert on parents for each row execute function touch();`;

const schemaOf = (onDelete: string) => `
datasource db {
  provider = "postgresql"
}
model Parent {
  id       Int     @id
  name     String
  children Child[]
  @@map("parents")
}
model Child {
  id       Int    @id
  parentId Int    @map("parent_id")
  parent   Parent @relation(fields: [parentId], references: [id], onDelete: ${onDelete})
  @@map("children")
}`;

test('what Prisma has no words for gives no alarm; a foreign key that differs does', async () => {
  const migrationsDir = await writeMigrations({ '1_beyond_prisma': beyondPrisma });
  const schemaPath = join(folder, 'beyond.prisma');
  await writeFile(schemaPath, schemaOf('Cascade'));
  expect(await diffSchema({ databaseUrl: server.url, log, migrationsDir, schemaPath })).toBeNull();
  await writeFile(schemaPath, schemaOf('Restrict'));
  expect(await diffSchema({ databaseUrl: server.url, log, migrationsDir, schemaPath })).toContain('children');
});

test('the shadow database is dropped, also after a migration that fails', async () => {
  const migrationsDir = await writeMigrations({ '1_broken': 'select 1/0;' });
  await expect(diffSchema({ databaseUrl: server.url, log, migrationsDir })).rejects.toMatchObject({ failure: 'MIGRATION_FAILED' });
  expect(await runSql(server.url, 'select datname from pg_database where not datistemplate')).toEqual([{ datname: 'postgres' }]);
});

test('an invalid schema is an error, not a difference', async () => {
  const schemaPath = join(folder, 'invalid.prisma');
  await writeFile(schemaPath, 'model {');
  await expect(diffSchema({ databaseUrl: server.url, log, schemaPath })).rejects.toThrow(/can't be compared/);
});
