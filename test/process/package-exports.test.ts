import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const program = `
  const { openStore, ClaimLostError } = await import('assessment-store/store');
  const { createWorker, RetryableError, FatalError } = await import('assessment-store/worker');
  const { createAssessmentClient } = await import('assessment-store/client');
  const client = createAssessmentClient({ url: 'http://127.0.0.1:9/graphql' });
  const worker = createWorker({ client, handlers: { HEALTH: () => ({}) } });
  await client.close();
  console.log(JSON.stringify([openStore, ClaimLostError, RetryableError, FatalError, worker.start].map((thing) => typeof thing)));
`;

test('the package offers the store, the worker and the client by their names', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program]);
  expect(JSON.parse(stdout)).toEqual(['function', 'function', 'function', 'function', 'function']);
});
