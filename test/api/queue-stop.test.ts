import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { openRawSocket } from '../support/raw-socket.ts';
import { startTestApp } from '../support/test-app.ts';
import { createTestDatabase } from '../support/test-database.ts';
import { actor } from '../support/test-store.ts';

const document = 'mutation { claimAssessments(input: { workerId: "w1", waitMs: 60000 }) { claims { claimToken } } }';

test('an app that stops answers every wait for work at once with nothing, over HTTP and over WebSocket, and closes the socket after that with 1001', async () => {
  const database = await createTestDatabase();
  const service = await startTestApp({}, database);
  const overHttp = service.send(document);
  const raw = await openRawSocket(service.url);
  raw.subscribe('claim', document);
  await eventually('both wait', () => service.app.store.workersWaiting === 2);
  const begun = performance.now();
  const stopped = service.app.stop();
  expect((await overHttp).data).toEqual({ claimAssessments: { claims: [] } });
  expect((await raw.received('claim', 'next')).payload).toEqual({ data: { claimAssessments: { claims: [] } } });
  expect(await raw.closed).toBe(1001);
  await stopped;
  expect(performance.now() - begun).toBeLessThan(10_000);
  await database.drop();
});

test('a creation that is still answered while the app stops is not claimed for those who waited', async () => {
  const database = await createTestDatabase();
  const service = await startTestApp({}, database);
  const poll = service.send(document);
  await eventually('it waits', () => service.app.store.workersWaiting === 1);
  const stopped = service.app.stop();
  // As a request that is under way when the stop begins would do.
  const created = service.app.store.createAssessment({ assessmentId: 'late', type: 'HEALTH' }, actor);
  expect((await poll).data).toEqual({ claimAssessments: { claims: [] } });
  await created;
  await stopped;
  const psql = await database.connect();
  const { rows } = await psql.query('select state, version from assessment_states');
  await database.drop();
  expect(rows).toEqual([{ state: 'pending', version: 1 }]);
});
