import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApp, type TestApp } from '../support/test-app.ts';

let service: TestApp;
beforeAll(async () => {
  service = await startTestApp();
});
afterAll(() => service.stop());

test('the way of an assessment: submitted over HTTP, watched over a socket, worked on, completed', async () => {
  const created = await service.send(
    'mutation { createAssessment(input: { assessmentId: "way", type: HEALTH }) { ... on CreateAssessmentPayload { created assessment { state version } } } }',
  );
  expect(created.data).toEqual({ createAssessment: { created: true, assessment: { state: 'PENDING', version: 1 } } });

  const work = async () => {
    await service.send('mutation { startProcessing(input: { assessmentId: "way" }) { __typename } }');
    await service.send('mutation { completeAssessment(input: { assessmentId: "way", result: { score: 1 } }) { __typename } }');
  };
  const seen: unknown[] = [];
  const query = 'subscription { assessmentUpdated(assessmentId: "way") { kind previousState assessment { state progress resultData } } }';
  for await (const { data } of service.connect().iterate({ query })) {
    seen.push(data?.['assessmentUpdated']);
    if (seen.length === 1) await work();
  }
  expect(seen[0]).toMatchObject({ kind: 'SNAPSHOT', assessment: { state: 'PENDING' } });
  expect(seen.at(-1)).toEqual({
    kind: 'COMPLETED',
    previousState: 'PROCESSING',
    assessment: { state: 'COMPLETED', progress: 100, resultData: { score: 1 } },
  });
});
