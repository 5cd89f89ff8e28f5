import { getOperationAST, parse, print, validate } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Config } from '../../src/config.ts';
import { exampleTabs } from '../../src/http/graphiql-examples.ts';
import { schema } from '../../src/schema/index.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';
import { withTokens } from '../support/tokens.ts';

async function pageOf(config: Partial<Config>): Promise<{ status: number; type: string; text: string }> {
  const service = await startTestApp(config);
  try {
    const response = await fetch(service.url, { headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' } });
    return { status: response.status, type: response.headers.get('content-type') ?? '', text: await response.text() };
  } finally {
    await service.stop();
  }
}

describe('GraphiQL', () => {
  test('is what a browser finds in development: with the example tabs, and subscriptions over WebSocket', async () => {
    const { status, type, text } = await pageOf({ NODE_ENV: 'development' });
    expect(status).toBe(200);
    expect(type).toMatch(/^text\/html/);
    expect(text).toContain('"subscriptionsProtocol":"WS"');
    for (const { query } of exampleTabs) expect(text).toContain(JSON.stringify(query).slice(1, 60));
  });

  test('gets subscriptions as events where there are tokens, which it cannot send over WebSocket', async () => {
    const { status, text } = await pageOf({ NODE_ENV: 'development', ...withTokens });
    expect(status).toBe(200);
    expect(text).toContain('"subscriptionsProtocol":"SSE"');
  });

  test('brings its own scripts and styles: the page asks no other host for any', async () => {
    const { text } = await pageOf({ NODE_ENV: 'development' });
    expect(text).not.toMatch(/<(script|link)[^>]*(src|href)="https?:/);
  });

  test.each<[string, Partial<Config>, boolean]>([
    ['production', { NODE_ENV: 'production' }, false],
    ['production when it is asked for', { NODE_ENV: 'production', GRAPHIQL: true }, true],
    ['development when it is not wanted', { NODE_ENV: 'development', GRAPHIQL: false }, false],
  ])('in %s', async (_, config, isServed) => {
    const { type, text } = await pageOf(config);
    expect(/graphiql/i.test(text)).toBe(isServed);
    expect(/html/.test(type)).toBe(isServed);
  });
});

describe('its examples', () => {
  let service: TestApp;
  beforeAll(async () => {
    service = await startTestApp();
  });
  afterAll(() => service.stop());
  const documents = exampleTabs.map(({ query }) => parse(query));
  const operations = documents.flatMap((document) =>
    document.definitions.flatMap((definition) => (definition.kind === 'OperationDefinition' ? [definition] : [])),
  );

  test('are valid, and each operation has a name that no other has', () => {
    for (const document of documents) expect(validate(schema, document)).toEqual([]);
    const names = operations.map(({ name }) => name?.value);
    expect(names).toEqual(['Submit', 'Watch', 'Start', 'Progress', 'Complete', 'Wait', 'List', 'Look']);
  });

  test('run one after the other as the whole way of an assessment, and none is refused', async () => {
    const answers: Record<string, unknown> = {};
    for (const operation of operations.filter(({ operation: kind }) => kind !== 'subscription')) {
      const { data, errors } = await service.send(print(operation));
      expect(errors).toBeUndefined();
      answers[operation.name?.value ?? ''] = data;
    }
    expect(answers).toMatchObject({
      Submit: { createAssessment: { __typename: 'CreateAssessmentPayload', created: true } },
      Start: { startProcessing: { assessment: { state: 'PROCESSING' } } },
      Progress: { updateProgress: { assessment: { progress: 50 } } },
      Complete: { completeAssessment: { assessment: { state: 'COMPLETED', resultData: { score: 98 } } } },
      Wait: { waitForAssessment: { timedOut: false, assessment: { state: 'COMPLETED' } } },
      List: { assessments: { totalCount: 1, nodes: [{ assessmentId: 'example-1', state: 'COMPLETED' }] } },
      Look: { health: { status: 'HEALTHY' }, assessmentStats: { completed: 1 } },
    });
  });

  test('the subscription among them works over the socket, and ends by itself', async () => {
    const [document] = documents.filter((candidate) => getOperationAST(candidate)?.operation === 'subscription');
    if (document === undefined) throw new Error('no example of a subscription');
    const events: unknown[] = [];
    for await (const event of service.connect().iterate({ query: print(document) })) events.push(event);
    expect(events).toMatchObject([{ data: { assessmentUpdated: { kind: 'SNAPSHOT', assessment: { state: 'COMPLETED' } } } }]);
  });
});
