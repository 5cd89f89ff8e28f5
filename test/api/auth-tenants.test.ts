import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { openRawSocket } from '../support/raw-socket.ts';
import { type RootField, rootFields } from '../support/root-fields.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';
import { authorizationOf, withTokens } from '../support/tokens.ts';

/** What names something of a tenant. */
interface Names {
  assessmentId: string;
  globalId: string;
  auditId: string;
  claimToken: string;
  listCursor: string;
  feedCursor: string;
  version: number;
}

/** PENDING last: another would be claimed in its place. */
const states = ['PROCESSING', 'COMPLETED', 'FAILED', 'CANCELLED', 'PENDING'];
const marker = 'acme-secret';
const acme = { sub: 'alice', tenant: 'acme' };
const rival = { sub: 'rob', tenant: 'rival' };

let service: TestApp;
/** Of each kind of acme's: by state. */
const named: Record<string, Names> = {};
let before: unknown[];

const ask = async (claims: object, document: string, variables: Record<string, unknown> = {}) =>
  service.send<Record<string, never>>(document, variables, await authorizationOf({ ...claims }));
const asAcme = (document: string, variables?: Record<string, unknown>) => ask(acme, document, variables);
const asRival = (document: string, variables?: Record<string, unknown>) => ask(rival, document, variables);

/** All rows of acme's, as they are in the database. */
async function rowsOfAcme(): Promise<unknown[]> {
  const psql = await service.database.connect();
  const { rows } = await psql.query(
    "select * from assessment_states where assessment_id like 'acme-secret%' and tenant_id = 'acme' order by assessment_id",
  );
  return rows;
}

beforeAll(async () => {
  service = await startTestApp(withTokens);
  for (const state of states) await bringTo(state);
  before = await rowsOfAcme();
  expect(before).toHaveLength(5);
});
afterAll(async () => {
  const after = await rowsOfAcme();
  const faults = service.logged.filter((line) => (JSON.parse(line) as { level: number }).level >= 40);
  await service.stop();
  expect(after).toEqual(before);
  expect(faults).toEqual([]);
});

async function bringTo(state: string): Promise<void> {
  const assessmentId = `${marker}-${state}`;
  const input = { assessmentId, type: 'SECURITY', serverName: `${marker}.example.com`, metadata: { text: marker }, maxRetries: 0 };
  await asAcme('mutation ($input: CreateAssessmentInput!) { createAssessment(input: $input) { __typename } }', { input });
  let claimToken = '01990000-0000-4000-8000-00000000000a';
  if (state !== 'PENDING') {
    const { data } = await asAcme(
      `mutation { claimAssessments(input: { workerId: "${marker}-worker", leaseMs: 86400000 }) { claims { claimToken assessment { assessmentId } } } }`,
    );
    const [claim] = Object(data).claimAssessments.claims;

    expect(claim.assessment.assessmentId).toBe(assessmentId);
    claimToken = claim.claimToken;
  }
  const ends: Record<string, string> = {
    COMPLETED: `completeAssessment(input: { assessmentId: "${assessmentId}", claimToken: "${claimToken}", result: { text: "${marker}" } })`,
    FAILED: `failAssessment(input: { assessmentId: "${assessmentId}", claimToken: "${claimToken}", error: "${marker}" })`,
    CANCELLED: `cancelAssessment(input: { assessmentId: "${assessmentId}", reason: "${marker}" })`,
  };
  const end = ends[state];
  if (end !== undefined) expect(await asAcme(`mutation { ${end} { __typename } }`)).toMatchObject({ status: 200 });
  const { data } = await asAcme(
    `{ assessment(assessmentId: "${assessmentId}") { id state version auditTrail { nodes { id } } } assessments(first: 1) { edges { cursor } } feedCursor }`,
  );
  const { assessment, assessments, feedCursor } = Object(data);
  expect(assessment.state).toBe(state);
  named[state] = {
    ...{ assessmentId, globalId: assessment.id, auditId: assessment.auditTrail.nodes[0].id, claimToken, feedCursor },
    ...{ listCursor: assessments.edges[0].cursor, version: assessment.version },
  };
}

const globalIdOf = (text: string): string => Buffer.from(text).toString('base64');
/** What names nothing of anybody's. */
const unknown: Names = {
  assessmentId: 'no-such-thing',
  globalId: globalIdOf('Assessment:01990000-0000-7000-8000-000000000000'),
  auditId: globalIdOf('AssessmentAuditEntry:999999999'),
  claimToken: '01990000-0000-4000-8000-000000000000',
  listCursor: '',
  feedCursor: '0',
  version: 1,
};

type Probe = (names: Names) => string;
const byKey: Probe = ({ assessmentId }) => `assessmentId: "${assessmentId}"`;
const input =
  (more = ''): Probe =>
  (names) =>
    `input: { ${byKey(names)} ${more} }`;
const held =
  (more = ''): Probe =>
  ({ claimToken, ...names }) =>
    `input: { ${byKey({ claimToken, ...names })} claimToken: "${claimToken}" ${more} }`;
const atVersion: Probe = (names) => `input: { ${byKey(names)} expectedVersion: ${names.version} }`;
const tokens: Probe = ({ claimToken }) => `input: { workerId: "${marker}-worker", claimTokens: ["${claimToken}"] }`;
const filters: Probe[] = [
  ({ assessmentId }) => `where: { assessmentId: { eq: "${assessmentId}" } }`,
  ({ assessmentId }) => `where: { or: [{ assessmentId: { in: ["${assessmentId}"] } }, { serverName: { contains: "${marker}" } }] }`,
  () => 'where: { not: { assessmentId: { eq: "nobody" } } }',
];
const filtered = (more = ''): Probe[] => filters.map((filter) => (names) => `input: { ${filter(names)} ${more} }`);

/** For each root field how somebody could get at what a name stands for. */
const probes: Record<string, Probe[]> = {
  node: [({ globalId }) => `id: "${globalId}"`, ({ auditId }) => `id: "${auditId}"`],
  nodes: [({ globalId, auditId }) => `ids: ["${globalId}", "${auditId}"]`],
  assessment: [byKey],
  assessments: [
    ...filters,
    () => `search: "${marker}"`,
    () => 'first: 100',
    () => 'last: 100, orderBy: { field: UPDATED_AT, direction: ASC }',
  ],
  feedCursor: [() => ''],
  waitForAssessment: [(names) => `${byKey(names)}, timeoutMs: 0`],
  assessmentStats: [() => `serverName: "${marker}.example.com"`],
  queueStatus: [() => ''],
  health: [() => ''],
  createAssessment: [input(`type: HEALTH serverName: "mine"`)],
  startProcessing: [input(), atVersion],
  updateProgress: [input('progress: 50'), held('progress: 50')],
  completeAssessment: [input('result: {}'), held('result: {}')],
  failAssessment: [input('error: "e"'), held('error: "e" retryable: true')],
  cancelAssessment: [input(), atVersion],
  retryAssessment: [input(), atVersion],
  claimAssessments: [() => `input: { workerId: "${marker}-worker", limit: 500 }`],
  heartbeat: [tokens],
  releaseAssessments: [tokens],
  batchCreateAssessments: [(names) => `input: { assessments: [{ ${byKey(names)} type: HEALTH }] }`],
  batchUpdateProgress: [(names) => `input: { updates: [{ ${byKey(names)} claimToken: "${names.claimToken}" progress: 50 }] }`],
  batchCompleteAssessments: [(names) => `input: { completions: [{ ${byKey(names)} claimToken: "${names.claimToken}" result: {} }] }`],
  batchRetryFailedAssessments: filtered('maxRetries: 10'),
  batchCancelAssessments: filtered(),
  cleanupOldAssessments: [() => 'input: { retentionDays: 1 }'],
  assessmentUpdated: [byKey, (names) => `${byKey(names)}, afterVersion: 0`, (names) => `${byKey(names)}, afterVersion: ${names.version}`],
  assessmentFeed: [({ feedCursor }) => `after: "${feedCursor}"`],
};

/** Creating makes the name one's own: each time by a tenant that has nothing yet. */
let newcomers = 0;
const whoAsks = (field: RootField) =>
  field.name.toLowerCase().includes('create') ? { sub: 'new', tenant: `newcomer-${newcomers++}` } : rival;

/** The answer, with what differs between any two answers taken out, and the names that were asked for. */
async function answerTo(field: RootField, probe: Probe, names: Names): Promise<string> {
  const document = field.document(probe(names));
  const answer = field.kind === 'subscription' ? await onSocket(document) : await ask(whoAsks(field), document);
  const { data, errors } = answer;
  return JSON.stringify({ data, errors })
    .replaceAll(names.assessmentId, '<key>')
    .replaceAll(names.claimToken, '<token>')
    .replaceAll(/"(id|cursor|startCursor|endCursor)":"[^"]*"/g, '"$1":"*"')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>');
}

async function onSocket(document: string): Promise<{ data?: unknown; errors?: unknown }> {
  const socket = await openRawSocket(service.url, { headers: await authorizationOf(rival) });
  socket.subscribe('1', document);
  const first = await eventually('an answer', () => socket.messages.find(({ id }) => id === '1'));
  socket.socket.terminate();
  return first.type === 'next' ? Object(first.payload) : { errors: first.payload };
}

test('there is a probe for every root field', () => {
  expect(Object.keys(probes).toSorted()).toEqual(rootFields.map(({ name }) => name).toSorted());
});

describe('what is named by', () => {
  const fields = rootFields.filter(
    ({ name }) => !['assessmentFeed', 'feedCursor', 'health', 'queueStatus', 'assessmentStats'].includes(name),
  );

  test.each(fields.map((field) => [`${field.kind} ${field.name}`, field] as const))(
    '%s and is of another tenant is as if there were no such thing',
    async (_, field) => {
      for (const probe of probes[field.name] ?? []) {
        const nothing = await answerTo(field, probe, unknown);
        for (const state of states) {
          const answer = await answerTo(field, probe, named[state] ?? unknown);
          expect({ state, answer }).toEqual({ state, answer: nothing });
          expect(answer).not.toMatch(/FORBIDDEN|acme|alice/);
        }
      }
    },
  );

  test.each(['node', 'nodes', 'assessment', 'assessments', 'waitForAssessment'])('query %s shows it to its own tenant', async (name) => {
    const field = rootFields.find((one) => one.name === name);
    for (const probe of probes[name] ?? []) {
      const { data, errors } = await asAcme(field?.document(probe(named['COMPLETED'] ?? unknown)) ?? '');
      expect({ errors, text: JSON.stringify(data) }).toEqual({ errors: undefined, text: expect.stringMatching(/acme-secret/) });
    }
  });
});

test('counts are those of the tenant that asks', async () => {
  const counts = '{ assessmentStats { total } queueStatus { depth processing workers { workerId } } assessments { totalCount } }';
  expect((await asRival(counts)).data).toEqual({
    assessmentStats: { total: 0 },
    queueStatus: { depth: 0, processing: 0, workers: [] },
    assessments: { totalCount: 0 },
  });
  expect((await asAcme(counts)).data).toMatchObject({ assessmentStats: { total: 5 }, queueStatus: { depth: 1, processing: 1 } });
});

test('a cursor of another tenant leads to nothing of its', async () => {
  const { listCursor, feedCursor } = named['PENDING'] ?? unknown;
  for (const page of [`first: 100, after: "${listCursor}"`, `last: 100, before: "${listCursor}"`])
    expect((await asRival(`{ assessments(${page}) { nodes { assessmentId } totalCount } }`)).data).toEqual({
      assessments: { nodes: [], totalCount: 0 },
    });
  expect(feedCursor).not.toBe('');
});

test('feeds and watches tell each tenant of its own changes alone, from the beginning and from the cursor of another', async () => {
  const document = (after: string) => `subscription { assessmentFeed(after: "${after}") { assessment { assessmentId } } }`;
  const starts = ['0', ...states.map((state) => named[state]?.feedCursor ?? '')];
  const ofRival = await openRawSocket(service.url, { headers: await authorizationOf(rival) });
  const ofAcme = await openRawSocket(service.url, { headers: await authorizationOf(acme) });
  for (const [index, start] of starts.entries()) {
    ofRival.subscribe(String(index), document(start));
    ofAcme.subscribe(String(index), document(start));
  }
  const create = (id: string) => `mutation { createAssessment(input: { assessmentId: "${id}", type: HEALTH }) { __typename } }`;
  await asAcme(create('live-of-acme'));
  await asRival(create('live-of-rival'));
  await asRival(create('live-of-acme')); // the same key is another assessment
  const told = (socket: typeof ofRival, id: string) =>
    socket.messages
      .filter((message) => message.id === id)
      .map(({ payload }) => Object(payload).data?.assessmentFeed.assessment.assessmentId);
  for (const index of starts.keys()) {
    await eventually('the rival is told of both', () => told(ofRival, String(index)).length >= 2);
    expect(told(ofRival, String(index))).toEqual(['live-of-rival', 'live-of-acme']);
    await eventually('acme is told', () => told(ofAcme, String(index)).includes('live-of-acme'));
    expect(told(ofAcme, String(index)).filter((id) => id === 'live-of-acme' || id === 'live-of-rival')).toEqual(['live-of-acme']);
  }
  for (const { socket } of [ofRival, ofAcme]) socket.terminate();
});

test('the same document of two tenants at a time is answered to each with its own', async () => {
  const watch = 'subscription { assessmentUpdated(assessmentId: "live-of-acme") { assessment { id version } } }';
  const sockets = await Promise.all([rival, acme].map(async (who) => openRawSocket(service.url, { headers: await authorizationOf(who) })));
  for (const socket of sockets) socket.subscribe('1', watch);
  const [one, other] = await Promise.all(sockets.map((socket) => socket.received('1', 'next')));
  expect(Object(one?.payload).data.assessmentUpdated.assessment.id).not.toBe(Object(other?.payload).data.assessmentUpdated.assessment.id);
  await asRival('mutation { cancelAssessment(input: { assessmentId: "live-of-acme" }) { __typename } }');
  await sockets[0]?.received('1', 'complete');
  expect(sockets[1]?.typesOf('1')).toEqual(['next']);
  for (const { socket } of sockets) socket.terminate();
});

test("the audit trail names the subject of the token, and so does nobody else's", async () => {
  const { data } = await asAcme('{ assessment(assessmentId: "acme-secret-COMPLETED") { auditTrail { nodes { changedBy newState } } } }');
  expect(Object(data).assessment.auditTrail.nodes.map(({ changedBy }: { changedBy: string }) => changedBy)).toEqual([
    'alice',
    'alice',
    'alice',
  ]);
});
