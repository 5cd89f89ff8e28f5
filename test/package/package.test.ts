import { access, readdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { startCli } from '../cli/cli-process.ts';
import { eventually } from '../support/eventually.ts';
import { startTestApp } from '../support/test-app.ts';
import { createTestDatabase } from '../support/test-database.ts';
import { type Consumer, copyProgram, installPackage } from './consumer.ts';

let consumer: Consumer;
beforeAll(async () => {
  consumer = await installPackage();
}, 300_000);
afterAll(() => consumer?.remove());

/** Runs a program of test/package/consumer in the project; gives what it printed. */
async function run(program: string, env: Record<string, string> = {}): Promise<string> {
  await copyProgram(consumer, program);
  const { stdout, stderr } = await consumer.run(process.execPath, [program], env);
  expect(stderr).toBe('');
  return stdout;
}

async function createDatabase(): Promise<string> {
  const { url, drop } = await createTestDatabase();
  onTestFinished(drop);
  return url;
}

test('holds what runs, its types, migrations and schema, and nothing else', () => {
  const kinds = [/^dist\/[\w./-]+\.(js|d\.ts)$/, /^prisma\/(schema\.prisma|migrations\/[\w./-]+\.(sql|toml))$/];
  const others = consumer.files.filter((path) => !kinds.some((kind) => kind.test(path)));
  expect(others.toSorted()).toEqual(['LICENSE', 'README.md', 'package.json', 'schema.graphql']);
  expect(consumer.files).toEqual(expect.arrayContaining(['dist/cli/main.js', 'dist/server.d.ts', 'prisma/migrations/migration_lock.toml']));
});

test('assessment-store/store: a store on a real database', async () => {
  expect(await run('store.mjs', { DATABASE_URL: await createDatabase() })).toBe('CANCELLED true\n');
});

test('assessment-store/server, /worker and /client: the service in a program, worked for and asked over the wire; it ends by itself', async () => {
  expect(JSON.parse(await run('service.mjs', { DATABASE_URL: await createDatabase() }))).toEqual({
    ends: [
      { last: 'COMPLETED', state: 'COMPLETED', resultData: { looked: 'the page' }, errorMessage: null },
      { last: 'FAILED', state: 'FAILED', resultData: null, errorMessage: 'no such server' },
    ],
    ...{ total: 2, missing: true, invalid: 'CONFIG_INVALID' },
  });
});

test('the example of docs/package.md, run as written', async () => {
  const docs = await readFile(new URL('../../docs/package.md', import.meta.url), 'utf8');
  const [, example = ''] = /```js\n([\s\S]*?)```/.exec(docs) ?? [];
  await writeFile(join(consumer.folder, 'example.mjs'), example);
  const { stdout, stderr } = await consumer.run(process.execPath, ['example.mjs']);
  expect(stdout).toMatch(/^(\w+ \w+ \d+\n)*\w+ COMPLETED 100\n\{ healthy: true \}\ntrue There is no assessment "another"\.\n$/);
  expect(stderr).toBe('');
});

test('npx assessment-store: serve with the embedded PostgreSQL that was installed along, and submit to it', async () => {
  const main = join(consumer.folder, 'node_modules/.bin/assessment-store');
  const service = startCli(['serve'], { main, cwd: consumer.folder, env: { PORT: '0', WORKER: 'true', DRAIN_MS: '0' } });
  onTestFinished(() => service.signal('SIGKILL'));
  const url = await eventually('it is ready', () => /API is at (http:\S+)/.exec(service.printed().out)?.[1], 50_000);
  const target = JSON.stringify({ url: url.replace('/graphql', '/health/live') });
  const submit = ['submit', '--type', 'health', '--id', 'installed', '--metadata', target, '--wait', '--url', url];
  const { stdout } = await consumer.run('npx', ['--no-install', 'assessment-store', ...submit]);
  expect(stdout).toMatch(/^installed {2}COMPLETED in .*\n$/);
  service.signal('SIGTERM');
  expect(await service.end()).toMatchObject({ code: 0 });
});

test('a TypeScript project as strict as it goes compiles against every export, types of the dependencies included', async () => {
  const types = createRequire(import.meta.url).resolve('typescript/package.json');
  await copyProgram(consumer, 'types.ts.txt', 'types.ts');
  const compilerOptions = {
    ...{ target: 'es2023', module: 'nodenext', types: ['node'], noEmit: true, skipLibCheck: false },
    ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, verbatimModuleSyntax: true },
  };
  await writeFile(join(consumer.folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['types.ts'] }));
  const compiled = consumer.run(process.execPath, [join(dirname(types), 'bin/tsc'), '-p', '.']);
  await expect(compiled.then(({ stdout }) => stdout)).resolves.toBe('');
});

test('assessment-store/schema.graphql is where tools of GraphQL find it', async () => {
  const { stdout } = await consumer.run(process.execPath, ['-p', "require.resolve('assessment-store/schema.graphql')"]);
  expect(await readFile(stdout.trim(), 'utf8')).toContain('type Subscription {');
});

test('imports nothing that is there for development alone', async () => {
  const folder = join(consumer.folder, 'node_modules/assessment-store');
  const { dependencies } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { dependencies: Record<string, string> };
  const imported = new Set<string>();
  for (const path of consumer.files.filter((file) => /\.(js|ts)$/.test(file)))
    for (const name of packagesIn(await readFile(join(folder, path), 'utf8'))) imported.add(name);
  expect([...imported].filter((name) => !(name in dependencies))).toEqual([]);
  expect([...imported]).toEqual(expect.arrayContaining(['@prisma/client', 'graphql-yoga', 'pg', 'ws']));
  await expect(access(join(consumer.folder, 'node_modules/typescript'))).rejects.toThrow('ENOENT');
});

/** The packages that a module imports, by name. */
const packagesIn = (text: string): string[] =>
  [...text.matchAll(/(?:\bfrom |\bimport |\bimport\(|\bresolve\()(['"])([^'".][^'"]*)\1/g)]
    .map(([, , from = '']) => /^(@[^/]+\/)?[^/]+/.exec(from)?.[0] ?? '')
    .filter((name) => !name.startsWith('node:'));

/** The packages among paths of files, by name. */
const packagesOf = (paths: readonly string[]): string[] =>
  [
    ...new Set(paths.map((path) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]).filter((name) => name !== undefined)),
  ].toSorted();

/** The parts of the package among paths of files. */
const partsOf = (paths: readonly string[]): string[] =>
  [...new Set(paths.map((path) => /assessment-store\/dist\/([^/]+)/.exec(path)?.[1]).filter((part) => part !== undefined))].toSorted();

test('the client alone loads the client, what it shares with the store, and three packages', async () => {
  const coverage = join(consumer.folder, 'coverage');
  await consumer.run(process.execPath, ['-e', "import('assessment-store/client')"], { NODE_V8_COVERAGE: coverage });
  const [report = ''] = await readdir(coverage);
  const { result } = JSON.parse(await readFile(join(coverage, report), 'utf8')) as { result: { url: string }[] };
  const loaded = result.map(({ url }) => url).filter((url) => url.startsWith('file:'));
  expect(packagesOf(loaded)).toEqual(['assessment-store', 'graphql-ws', 'uuid', 'ws']);
  expect(partsOf(loaded)).toEqual(['client', 'store']);
  expect(loaded.filter((url) => url.includes('/dist/store/')).length).toBeLessThan(10);
});

/** Largest size of the client as browsers load it, minified, in bytes. */
const mostBytes = 60_000;

test('the client is bundled for browsers without anything of Node, stays small, and works with what a browser has', async () => {
  const { metafile, outputFiles, warnings } = await build({
    stdin: { contents: "export * from 'assessment-store/client'", resolveDir: consumer.folder },
    ...{ bundle: true, platform: 'browser', format: 'esm', minify: true, metafile: true, write: false, logLevel: 'silent' },
  });
  const inputs = Object.keys(metafile.inputs).map((path) => `/${path}`);
  expect(warnings).toEqual([]);
  expect(packagesOf(inputs)).toEqual(['assessment-store', 'graphql-ws', 'uuid', 'ws']);
  expect(inputs.filter((path) => path.includes('/ws/')).map((path) => path.split('/ws/')[1])).toEqual(['browser.js']);
  const [bundle] = outputFiles;
  const bytes = bundle?.contents ?? new Uint8Array();
  console.log(`the client for browsers: ${bytes.length} bytes, ${gzipSync(bytes).length} compressed`);
  expect(bytes.length).toBeLessThan(mostBytes);

  const service = await startTestApp();
  onTestFinished(() => service.stop());
  const path = join(consumer.folder, 'bundle.mjs');
  // Node 20 has no WebSocket of its own.
  await writeFile(path, `import { WebSocket } from 'ws';\nglobalThis.WebSocket ??= WebSocket;\n${bundle?.text}`);
  expect(await run('browser.mjs', { BUNDLE: path, API_URL: service.url })).toMatch(/^SNAPSHOT \w+\n$/);
});
