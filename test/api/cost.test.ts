import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestApp, type TestApp } from '../support/test-app.ts';
import { transports } from '../support/transports.ts';

let service: TestApp;
beforeAll(async () => {
  service = await startTestApp({ MAX_OPERATION_COST: 200 });
});
afterAll(() => service.stop());

const list = 'query ($first: Int) { assessments(first: $first) { nodes { claim { workerId } } } }';

describe.each(Object.entries(transports))('%s', (_, send) => {
  test('whoever asks what an operation costs is told with its answer', async () => {
    const asked = await send(service.url, { query: list, variables: { first: 50 }, extensions: { cost: true } });
    expect(asked.data).toEqual({ assessments: { nodes: [] } });
    expect(asked.extensions).toEqual({ cost: { requested: 111, maximum: 200 } });
    expect(await send(service.url, { query: list, variables: { first: 50 } })).not.toHaveProperty('extensions');
  });

  test('what would cost too much is refused, and says how much that would be', async () => {
    const { errors, data } = await send(service.url, { query: list, variables: { first: 100 } });
    expect(data ?? null).toBeNull();
    expect(errors).toEqual([
      {
        message: 'The operation would cost up to 211, and may cost 200. Ask for less at a time.',
        extensions: { code: 'GRAPHQL_VALIDATION_FAILED', limit: 'cost', cost: { requested: 211, maximum: 200 } },
      },
    ]);
    expect((await send(service.url, { query: list, variables: { first: 90 } })).errors).toBeUndefined();
  });

  test('of the problems of a document, a few are told', async () => {
    const { errors = [] } = await send(service.url, { query: `{ ${Array.from({ length: 90 }, (_x, n) => `f${n}`).join(' ')} }` });
    expect(errors.map(({ message }) => message)).toEqual([
      ...Array.from({ length: 5 }, (_x, n) => `Cannot query field "f${n}" on type "Query".`),
      'Too many validation errors, error limit reached. Validation aborted.',
    ]);
  });
});
