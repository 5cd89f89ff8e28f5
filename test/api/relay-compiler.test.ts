import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';

const compiler = join(dirname(createRequire(import.meta.url).resolve('relay-compiler/package.json')), 'cli.js');
const printedSchema = fileURLToPath(new URL('../../schema.graphql', import.meta.url));

const fragments = `
graphql\`
  fragment documents_list on Query
  @argumentDefinitions(count: { type: "Int", defaultValue: 10 }, cursor: { type: "String" })
  @refetchable(queryName: "documentsListQuery") {
    assessments(first: $count, after: $cursor, where: { state: { eq: PENDING } }) @connection(key: "documents_assessments") {
      edges { node { id assessmentId state ...documents_row } }
    }
  }
\`;
graphql\`
  fragment documents_row on Assessment @refetchable(queryName: "documentsRowQuery") {
    state progress
    auditTrail(first: 3) { nodes { id reason } }
  }
\`;
graphql\`query documentsQuery { ...documents_list }\`;
graphql\`subscription documentsSubscription($id: String!) { assessmentUpdated(assessmentId: $id) { kind assessment { ...documents_row } } }\`;
`;

/** Compiles JavaScript that holds these documents against the printed schema, in a folder of its own; gives the names of what was made. */
async function compile(source: string): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'assessment-store-relay-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await Promise.all([mkdir(join(folder, 'src')), mkdir(join(folder, 'made')), copyFile(printedSchema, join(folder, 'schema.graphql'))]);
  await writeFile(join(folder, 'src/documents.js'), source);
  const config = { src: './src', schema: './schema.graphql', language: 'javascript', artifactDirectory: './made' };
  await writeFile(join(folder, 'relay.config.json'), JSON.stringify(config));
  await promisify(execFile)(process.execPath, [compiler, 'relay.config.json'], {
    cwd: folder,
    env: { ...process.env, FORCE_NO_WATCHMAN: '1' },
  });
  return (await readdir(join(folder, 'made'))).sort();
}

test('the Relay compiler accepts the printed schema with a paginated fragment and a refetchable one', async () => {
  expect(await compile(fragments)).toEqual(
    ['documentsListQuery', 'documentsQuery', 'documentsRowQuery', 'documentsSubscription', 'documents_list', 'documents_row']
      .map((name) => `${name}.graphql.js`)
      .sort(),
  );
});

test('the Relay compiler refuses what the printed schema does not offer', async () => {
  await expect(compile('graphql`query documentsQuery { assessments { edges { node { invented } } } }`;')).rejects.toThrow(/invented/);
});
