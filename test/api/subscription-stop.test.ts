import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { openRawSocket } from '../support/raw-socket.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';

const create = (id: string) => `mutation { createAssessment(input: { assessmentId: "${id}", type: HEALTH }) { __typename } }`;
const stopTimeoutMs = 5_000;

async function timeToStop(service: TestApp): Promise<number> {
  const begun = performance.now();
  await service.app.stop();
  return performance.now() - begun;
}

test('a wait over HTTP ends with OVERLOADED, and its kept-alive connection does not hold up the stop', async () => {
  const service = await startTestApp({ STOP_TIMEOUT_MS: stopTimeoutMs });
  await service.send(create('a'));
  service.statements.length = 0;
  const waiting = service.send('{ waitForAssessment(assessmentId: "a") { __typename } }');
  await eventually('the wait has begun', () => service.statements.length > 0);
  const took = timeToStop(service);
  expect((await waiting).errors).toMatchObject([{ extensions: { code: 'OVERLOADED', retryAfterMs: 1_000 } }]);
  expect(await took).toBeLessThan(2_000);
  await service.database.drop();
});

test('a command that waits for a locked row finishes, is answered, and leaves no connection behind', async () => {
  const service = await startTestApp({ STOP_TIMEOUT_MS: stopTimeoutMs });
  await service.send(create('a'));
  const operator = await service.database.connect();
  await operator.query("begin; select 1 from assessment_states where assessment_id = 'a' for update");
  service.statements.length = 0;
  const answer = service.send(
    'mutation { startProcessing(input: { assessmentId: "a" }) { ... on StartProcessingPayload { assessment { state auditTrail { nodes { newState } } } } } }',
  );
  await eventually('the command has met the lock', () => service.statements.length > 1);
  const took = timeToStop(service);
  await operator.query('rollback');
  expect(await answer).toMatchObject({
    data: { startProcessing: { assessment: { state: 'PROCESSING', auditTrail: { nodes: [{}, { newState: 'PROCESSING' }] } } } },
  });
  expect(await took).toBeLessThan(stopTimeoutMs);
  // The server takes a moment to see that a connection was closed.
  await eventually('no connection is left', async () => {
    const { rows } = await operator.query(
      "select query from pg_stat_activity where datname = current_database() and application_name = 'assessment-store'",
    );
    return rows.length === 0;
  });
  await service.database.drop();
});

test('a connection that its client keeps open does not hold up the stop past its time', async () => {
  const service = await startTestApp({ STOP_TIMEOUT_MS: 500 });
  const socket = connect({ port: Number(new URL(service.url).port), host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => {});
  socket.write('GET /elsewhere HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
  await once(socket, 'data');
  const stopped = service.app.stop().then(() => 'stopped');
  const late = new Promise<string>((resolve) => setTimeout(resolve, 3_000, 'still stopping after 3 s').unref());
  expect(await Promise.race([stopped, late])).toBe('stopped');
  socket.destroy();
  await stopped;
  await service.database.drop();
});

test('a connection that was opened ahead of any request does not hold up the stop', async () => {
  const service = await startTestApp({ STOP_TIMEOUT_MS: 600_000 });
  const socket = connect({ port: Number(new URL(service.url).port), host: '127.0.0.1' });
  const closed = new Promise((resolve) => socket.on('error', () => {}).once('close', resolve));
  await once(socket, 'connect');
  await service.send('{ __typename }'); // so that the service has taken the connection before
  await service.app.stop();
  await closed;
  await service.database.drop();
});

test('open sockets are closed with 1001, after which a client connects again, and a second stop is the first', async () => {
  const service = await startTestApp({ STOP_TIMEOUT_MS: stopTimeoutMs });
  await service.send(create('a'));
  const sockets = await Promise.all(Array.from({ length: 3 }, () => openRawSocket(service.url)));
  sockets[0]?.subscribe('1', 'subscription { assessmentUpdated(assessmentId: "a") { kind } }');
  sockets[1]?.subscribe('1', '{ waitForAssessment(assessmentId: "a") { __typename } }');
  await sockets[0]?.received('1', 'next');
  await eventually('both wait', () => service.app.store.watching === 2);
  const took = timeToStop(service);
  const again = timeToStop(service);
  expect(await Promise.all(sockets.map(({ closed }) => closed))).toEqual([1001, 1001, 1001]);
  expect(Math.max(await took, await again)).toBeLessThan(2_000);
  await service.app.stop();
  // No `error` and no `complete`: either would end the operation for good in a client that else takes it up again.
  expect(sockets.map(({ messages }) => messages.map(({ type }) => type))).toEqual([
    ['connection_ack', 'next'],
    ['connection_ack'],
    ['connection_ack'],
  ]);
  await expect(openRawSocket(service.url)).rejects.toThrow();
  await service.database.drop();
});

test('commands under way finish: each is answered, and in the database, or was not taken at all', async () => {
  const service = await startTestApp({ STOP_TIMEOUT_MS: stopTimeoutMs });
  const answers = Array.from({ length: 200 }, (_, number) =>
    service.send(create(`http-${number}`)).then(
      ({ data }) => (data as { createAssessment?: { __typename: string } } | undefined)?.createAssessment?.__typename,
      () => undefined,
    ),
  );
  await eventually('the first are under way', () => service.statements.some((sql) => sql.includes('createAssessments')));
  const took = timeToStop(service);
  const accepted = (await Promise.all(answers)).filter((answer) => answer === 'CreateAssessmentPayload').length;
  expect(await took).toBeLessThan(stopTimeoutMs);
  const operator = await service.database.connect();
  const { rows } = await operator.query<{ count: number }>('select count(*)::int as count from assessment_states');
  expect(accepted).toBeGreaterThan(0);
  expect(rows[0]?.count).toBe(accepted);
  await service.database.drop();
});
