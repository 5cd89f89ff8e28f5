import { afterAll, beforeAll, expect, test } from 'vitest';
import { openBareSocket } from '../support/bare-socket.ts';
import { openRawSocket } from '../support/raw-socket.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';
import { authorizationOf, withTokens } from '../support/tokens.ts';

let service: TestApp;
beforeAll(async () => {
  service = await startTestApp({ ...withTokens, MAX_SOCKETS_PER_SUBJECT: 2, MAX_OPERATIONS_PER_SUBJECT: 3 });
});
afterAll(() => service.stop());

const open = async (claims: object) => openRawSocket(service.url, { headers: await authorizationOf({ ...claims }) });
const feed = 'subscription { assessmentFeed { kind } }';

test('limits count by the subject of the token: one that has reached its own leaves the others theirs', async () => {
  const busy = await Promise.all([open({ sub: 'busy' }), open({ sub: 'busy' })]);
  const third = await openBareSocket(service.url);
  third.say({ type: 'connection_init', payload: await authorizationOf({ sub: 'busy' }) });
  expect(await third.closed).toMatchObject({ code: 4431 });
  const others = [await open({ sub: 'calm' }), await open({ sub: 'busy', tenant: 'another' })];
  for (const id of ['1', '2', '3', '4']) busy[0]?.subscribe(id, feed);
  expect(await busy[0]?.received('4', 'error')).toMatchObject({ payload: [{ extensions: { code: 'RATE_LIMITED', limit: 'subject' } }] });
  const byHttp = await service.send('{ health { status } }', {}, await authorizationOf({ sub: 'busy' }));
  expect({ status: byHttp.status, code: byHttp.errors?.[0]?.extensions['code'] }).toEqual({ status: 429, code: 'RATE_LIMITED' });
  for (const socket of others) {
    socket.subscribe('1', '{ health { status } }');
    await socket.received('1', 'next');
  }
  expect((await service.send('{ health { status } }', {}, await authorizationOf({ sub: 'calm' }))).status).toBe(200);
  for (const { socket } of [...busy, ...others]) socket.terminate();
});
