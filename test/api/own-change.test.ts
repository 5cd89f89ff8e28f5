import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApp, type TestApp } from '../support/test-app.ts';

let service: TestApp;
let other: TestApp;
beforeAll(async () => {
  service = await startTestApp();
  other = await startTestApp({}, service.database);
});
afterAll(async () => {
  await other.stop();
  await service.stop();
});

interface Progress {
  updateProgress: { assessment: { version: number; progress: number; message: string } };
}

test('a mutation answers with the assessment as its own change left it, whatever other instances change meanwhile', async () => {
  await service.send('mutation { createAssessment(input: { assessmentId: "busy", type: HEALTH }) { __typename } }');
  await service.send('mutation { startProcessing(input: { assessmentId: "busy" }) { __typename } }');
  const report = `mutation ($message: String!) { updateProgress(input: { assessmentId: "busy", progress: 1, message: $message }) {
    ... on UpdateProgressPayload { assessment { version progress message } } } }`;
  const messages = Array.from({ length: 200 }, (_, number) => `step ${number}`);
  const answers = await Promise.all(
    messages.map((message, number) => (number % 2 === 0 ? service : other).send<Progress>(report, { message })),
  );
  const changes = answers.map(({ data }) => data.updateProgress.assessment);
  expect(changes.map(({ message }) => message)).toEqual(messages);
  expect(changes.map(({ version }) => version).sort((a, b) => a - b)).toEqual(messages.map((_, number) => number + 3));
});
