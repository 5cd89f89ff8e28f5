import { randomUUID } from 'node:crypto';
import { subscribe as subscribeTo, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { openRawSocket, type RawSocket } from '../support/raw-socket.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';
import { actor } from '../support/test-store.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** The connections of the service, which runs in this process. */
const accepted: Socket[] = [];
const accept = (message: unknown): void => void accepted.push((message as { socket: Socket }).socket);

let service: TestApp;
beforeAll(async () => {
  subscribeTo('net.server.socket', accept);
  service = await startTestApp({ RECONCILE_MS: 60_000, FEED_BUFFER: 200 });
});
afterAll(async () => {
  unsubscribe('net.server.socket', accept);
  await service.stop();
});

/** What a test is about: the assessments of this server. */
let server: string;
const opened: RawSocket[] = [];
beforeEach(() => {
  server = randomUUID();
});
afterEach(async () => {
  for (const { socket } of opened.splice(0)) socket.terminate();
  await Promise.all([feeding(0), watching(0)]);
});

async function open(): Promise<RawSocket> {
  const raw = await openRawSocket(service.url);
  opened.push(raw);
  return raw;
}

interface Shown {
  kind: string;
  cursor: string;
  assessment: { assessmentId: string; version: number; resultData?: object | null; auditTrail?: { nodes: { versionTo: number }[] } };
}

const feed = `subscription ($where: AssessmentFilter, $after: String) { assessmentFeed(where: $where, after: $after) {
  kind cursor assessment { assessmentId version resultData } } }`;
const ofServer = (after?: string) => ({ variables: { where: { serverName: { eq: server } }, after } });

const create = async (): Promise<string> => {
  const { assessment } = await service.app.store.createAssessment({ type: 'HEALTH', serverName: server }, actor);
  return assessment.assessmentId;
};
const start = (assessmentId: string) => service.app.store.startProcessing({ assessmentId }, actor);
const progress = (assessmentId: string, message: string) => service.app.store.updateProgress({ assessmentId, progress: 1, message }, actor);
const complete = (assessmentId: string) => service.app.store.completeAssessment({ assessmentId, result: { of: assessmentId } }, actor);

const feeding = (count: number) => eventually(`there are ${count} feeds`, () => service.app.store.feeding === count);
const watching = (count: number) => eventually(`there are ${count} watches`, () => service.app.store.watching === count);

/** So many statements of this name since the last look. */
function statements(name: string): number {
  const count = service.statements.filter((sql) => sql.startsWith(`/* ${name} */`)).length;
  service.statements.length = 0;
  return count;
}

const shownTo = ({ messages }: RawSocket, id: string): Shown[] =>
  messages
    .filter((message) => message.id === id && message.type === 'next')
    .map(({ payload }) => Object.values((payload as { data: Record<string, Shown> }).data)[0] as Shown);

const versionsTo = (raw: RawSocket, id: string): number[] => shownTo(raw, id).map(({ assessment }) => assessment.version);

/** Sockets with so many subscriptions each, whose names are different everywhere. */
async function subscribers(sockets: number, each: number, subscribe: (raw: RawSocket, id: string) => void): Promise<[RawSocket, string][]> {
  const all: [RawSocket, string][] = [];
  for (let socket = 0; socket < sockets; socket++) {
    const raw = await open();
    for (let number = 0; number < each; number++) {
      const id = `${socket}-"é"-${number}`;
      subscribe(raw, id);
      all.push([raw, id]);
    }
  }
  return all;
}

const allHave = (all: readonly [RawSocket, string][], count: number) =>
  eventually(`each has ${count}`, () => all.every(([raw, id]) => shownTo(raw, id).length >= count));

test('60 subscribers of the same feed are answered together: what an event selects is read once, and each gets the same under its own name', async () => {
  const all = await subscribers(6, 10, (raw, id) => raw.subscribe(id, feed, ofServer()));
  await feeding(60);
  const assessmentId = await create();
  await start(assessmentId);
  service.statements.length = 0;
  await complete(assessmentId);
  await allHave(all, 3);
  expect(statements('readResults')).toBe(1);
  const [first] = all.map(([raw, id]) => shownTo(raw, id));
  for (const [raw, id] of all) expect(shownTo(raw, id)).toEqual(first);
  expect(first).toMatchObject([
    { kind: 'CREATED', assessment: { assessmentId, version: 1, resultData: null } },
    { kind: 'STARTED', assessment: { version: 2, resultData: null } },
    { kind: 'COMPLETED', assessment: { version: 3, resultData: { of: assessmentId } } },
  ]);
});

test('60 waiters of one assessment are answered together, and each is completed after the terminal update', async () => {
  const assessmentId = await create();
  const document = 'subscription ($id: String!) { assessmentUpdated(assessmentId: $id) { kind assessment { version resultData } } }';
  const all = await subscribers(6, 10, (raw, id) => raw.subscribe(id, document, { variables: { id: assessmentId } }));
  await allHave(all, 1);
  await start(assessmentId);
  await allHave(all, 2);
  service.statements.length = 0;
  await complete(assessmentId);
  for (const [raw, id] of all) await raw.received(id, 'complete');
  expect(statements('readResults')).toBe(1);
  for (const [raw, id] of all) {
    expect(raw.typesOf(id)).toEqual(['next', 'next', 'next', 'complete']);
    expect(shownTo(raw, id)[2]?.assessment).toEqual({ version: 3, resultData: { of: assessmentId } });
  }
});

test('other documents, operations and variables are answered by themselves; the arguments of the feed make no difference', async () => {
  const document = `query Other { __typename }
    subscription Trail($first: Int!, $where: AssessmentFilter, $after: String) { assessmentFeed(where: $where, after: $after) {
      assessment { assessmentId version auditTrail(first: $first) { nodes { versionTo } } } } }`;
  const { data } = await service.send<{ feedCursor: string }>('{ feedCursor }');
  const assessmentId = await create();
  const payloads = [
    { operationName: 'Trail', variables: { ...ofServer().variables, first: 1 } },
    { operationName: 'Trail', variables: { ...ofServer(data.feedCursor).variables, first: 1 } },
    { operationName: 'Trail', variables: { first: 1 } },
    { operationName: 'Trail', variables: { first: 2, ...ofServer().variables } },
    { operationName: 'Trail', variables: { ...ofServer().variables, first: 2 } },
  ];
  const raw = await open();
  for (const [number, payload] of payloads.entries()) raw.subscribe(`same-${number}`, document, payload);
  raw.subscribe('other', document.replace('Trail(', 'Trail (').replace('version auditTrail', 'auditTrail'), payloads[0]);
  await raw.received('same-1', 'next'); // the creation, which came before
  await feeding(6);
  service.statements.length = 0;
  await start(assessmentId);
  const ids = [...payloads.keys()].map((number) => `same-${number}`);
  const last = (id: string) =>
    shownTo(raw, id)
      .at(-1)
      ?.assessment.auditTrail?.nodes.map(({ versionTo }) => versionTo);
  await eventually('all have it', () => [...ids, 'other'].every((id) => last(id) !== undefined) && versionsTo(raw, 'same-1').length === 2);
  expect(ids.map(last)).toEqual([[1], [1], [1], [1, 2], [1, 2]]);
  expect(last('other')).toEqual([1]);
  expect(statements('readAuditTrails')).toBe(3);
});

test('what is at hand together is read together, in a replay and live', async () => {
  const ids: string[] = [];
  for (let number = 0; number < 60; number++) ids.push(await create());
  const { data } = await service.send<{ feedCursor: string }>('{ feedCursor }');
  const live = await subscribers(1, 20, (raw, id) => raw.subscribe(id, feed, ofServer()));
  await feeding(20);
  await service.app.store.batchCompleteAssessments(
    { completions: await Promise.all(ids.map(async (id) => ({ assessmentId: (await start(id)).assessmentId, result: { of: id } }))) },
    actor,
  );
  await allHave(live, 120);
  // The first few of an operation are answered apart from the others, until it is known how large its answers are.
  expect(statements('readResults')).toBeLessThanOrEqual(4);
  const replaying = await subscribers(1, 1, (raw, id) =>
    raw.subscribe(id, feed.replace('kind', 'kind previousState'), ofServer(data.feedCursor)),
  );
  await allHave(replaying, 120);
  expect(statements('readResults')).toBeLessThanOrEqual(4);
  for (const [raw, id] of [...live, ...replaying]) {
    const completed = shownTo(raw, id).filter(({ kind }) => kind === 'COMPLETED');
    expect(completed.map(({ assessment }) => assessment.assessmentId).sort()).toEqual(ids.toSorted());
    for (const { assessment } of completed) expect(assessment.resultData).toEqual({ of: assessment.assessmentId });
  }
});

test('no event shows what was read for an earlier one', async () => {
  const assessmentId = await create();
  const document = feed.replace('resultData', 'resultData auditTrail(last: 1) { nodes { versionTo } }');
  const all = await subscribers(2, 5, (raw, id) => raw.subscribe(id, document, ofServer()));
  await feeding(10);
  const changes = [start, (id: string) => progress(id, 'one'), (id: string) => progress(id, 'two'), complete];
  for (const [number, change] of changes.entries()) {
    await change(assessmentId);
    await allHave(all, number + 1);
    for (const [raw, id] of all) {
      expect(shownTo(raw, id)[number]?.assessment).toEqual({
        assessmentId,
        version: number + 2,
        auditTrail: { nodes: [{ versionTo: number + 2 }] },
        resultData: number === 3 ? { of: assessmentId } : null,
      });
    }
  }
});

test('an error in a shared answer is told to each with the id of its own request, and not kept', async () => {
  const assessmentId = await create();
  const document = feed.replace('resultData', 'requestData');
  const all = await subscribers(2, 5, (raw, id) => raw.subscribe(id, document, ofServer()));
  await feeding(10);
  const { data } = await service.send<{ feedCursor: string }>('{ feedCursor }');
  await service.app.store.database.$executeRawUnsafe('alter table assessment_states rename column request_data to request_data_away');
  await start(assessmentId).finally(async () => {
    await eventually('all are told', () => all.every(([raw, id]) => raw.typesOf(id).length === 1));
    await service.app.store.database.$executeRawUnsafe('alter table assessment_states rename column request_data_away to request_data');
  });
  const requestIds = all.map(([raw, id]) => {
    const { payload } = raw.messages.find((message) => message.id === id) as {
      payload: { errors: [{ extensions: { requestId: string } }] };
    };
    expect(payload).toMatchObject({ data: null, errors: [{ extensions: { code: 'INTERNAL', requestId: expect.any(String) } }] });
    return payload.errors[0].extensions.requestId;
  });
  expect(new Set(requestIds).size).toBe(all.length);
  for (const requestId of requestIds) expect(service.logged.filter((line) => line.includes(requestId))).toHaveLength(1);
  // The same update, for one who comes later.
  const late = await open();
  late.subscribe('late', document, ofServer(data.feedCursor));
  expect(await late.received('late', 'next')).not.toHaveProperty('payload.errors');
  expect(shownTo(late, 'late')).toMatchObject([{ kind: 'STARTED', assessment: { requestData: { type: 'HEALTH' } } }]);
  await progress(assessmentId, 'goes on');
  await eventually('all are told of the next', () => all.every(([raw, id]) => raw.typesOf(id).length === 2));
  for (const [raw, id] of all) expect(raw.messages.findLast((message) => message.id === id)?.payload).not.toHaveProperty('errors');
});

test('subscribers that complete, and sockets that break off, leave the others alone', async () => {
  const all = await subscribers(4, 10, (raw, id) => raw.subscribe(id, feed, ofServer()));
  await feeding(40);
  const assessmentId = await create();
  await allHave(all, 1);
  const gone = all.filter(([, id]) => Number(id.at(-1)) % 2 === 0);
  for (const [raw, id] of gone) raw.complete(id);
  all[30]?.[0].socket.terminate();
  const staying = all.slice(0, 30).filter((one) => !gone.includes(one));
  await feeding(15);
  await start(assessmentId);
  await complete(assessmentId);
  await allHave(staying, 3);
  for (const [raw, id] of staying) expect(versionsTo(raw, id)).toEqual([1, 2, 3]);
  for (const [raw, id] of gone) expect(raw.typesOf(id)).toEqual(['next']);
});

test('subscriptions that share a socket take turns when its client reads slowly', async () => {
  const assessmentId = await create();
  const raw = await open();
  const ids = ['0', '1', '2', '3', '4'];
  for (const id of ids) raw.subscribe(id, feed.replace('version', 'version message'), ofServer());
  await feeding(5);
  raw.socket.pause();
  await start(assessmentId);
  const count = 150; // all still in memory: nobody has to wait for the database
  for (let number = 1; number < count; number++) await progress(assessmentId, `${number} `.padEnd(10_000, 'x'));
  raw.socket.resume();
  await eventually('all have all', () => ids.every((id) => versionsTo(raw, id).length === count), 30_000);
  const order = raw.messages.filter(({ type }) => type === 'next').map(({ id }) => id);
  const first = Math.min(...ids.map((id) => order.lastIndexOf(id)));
  for (const id of ids) expect(order.slice(0, first).filter((other) => other === id).length).toBeGreaterThan(count * 0.9);
  for (const id of ids) expect(versionsTo(raw, id)).toEqual([...Array(count).keys()].map((number) => number + 2));
});

test('readers that are slow, or begin with a replay, get everything once and in order, beside those that keep up', async () => {
  const ids = await Promise.all(Array.from({ length: 20 }, () => create()));
  const { data } = await service.send<{ feedCursor: string }>('{ feedCursor }');
  await Promise.all(ids.map(start));
  const document = feed.replace('version', 'version message');
  const subscribe = (raw: RawSocket, id: string): void => raw.subscribe(id, document, ofServer(data.feedCursor));
  const [fast, slow] = [await subscribers(3, 2, subscribe), await subscribers(2, 1, subscribe)];
  await allHave([...fast, ...slow], 20);
  const rounds = 60;
  const late: [RawSocket, string][] = [];
  for (const [raw] of slow) raw.socket.pause();
  for (let round = 1; round <= rounds; round++) {
    const updates = ids.map((assessmentId) => ({ assessmentId, progress: 1, message: `${round} `.padEnd(5_000, 'x') }));
    await service.app.store.batchUpdateProgress({ updates }, actor);
    if (round === rounds / 2) late.push(...(await subscribers(2, 1, subscribe)));
  }
  await allHave(fast, 20 * (rounds + 1));
  // 6 MB wait for each of the slow, beyond what the system has taken: in the log, not in the service.
  for (const { writableLength } of accepted) expect(writableLength).toBeLessThan(100_000);
  for (const [raw] of slow) raw.socket.resume();
  const all = [...fast, ...slow, ...late];
  await eventually('all have all', () => all.every(([raw, id]) => shownTo(raw, id).length >= 20 * (rounds + 1)), 30_000);
  const story = [...Array(rounds + 1).keys()].map((round) => round + 2);
  for (const [raw, id] of all)
    for (const assessmentId of ids) {
      const own = shownTo(raw, id).filter(({ assessment }) => assessment.assessmentId === assessmentId);
      expect(own.map(({ assessment }) => assessment.version)).toEqual(story);
    }
});

test('answers are kept up to a limit, and only while somebody may ask for them', async () => {
  const memory = async (): Promise<number> => {
    for (let round = 0; round < 5; round++) {
      await new Promise((resolve) => setImmediate(resolve));
      collectGarbage();
    }
    const { arrayBuffers, heapUsed } = process.memoryUsage();
    return arrayBuffers + heapUsed;
  };
  const assessmentId = randomUUID();
  const metadata = { text: 'x'.repeat(500_000) };
  await service.app.store.createAssessment({ assessmentId, type: 'HEALTH', serverName: server, metadata }, actor);
  await start(assessmentId);
  const document = feed.replace('resultData', 'requestData');
  const all = await subscribers(2, 1, (raw, id) => raw.subscribe(id, document, ofServer()));
  await feeding(2);
  const told = (count: number) =>
    eventually(`${count} are told`, () => all.every(([{ messages }]) => messages.filter(({ type }) => type === 'next').length === count));
  const before = await memory();
  for (let number = 1; number <= 80; number++) {
    await progress(assessmentId, `${number}`);
    await told(number);
  }
  for (const [{ messages }] of all) messages.length = 0; // they are in this process too
  service.statements.length = service.logged.length = 0;
  const kept = (await memory()) - before;
  expect(kept).toBeGreaterThan(5_000_000); // or nothing is kept, and this test proves nothing
  expect(kept).toBeLessThan(25_000_000); // of the 40 MB that were answered
  for (const { socket } of opened) socket.close();
  await feeding(0);
  expect((await memory()) - before).toBeLessThan(3_000_000);
});
