import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApp, type TestApp } from '../support/test-app.ts';

let service: TestApp;
let assessmentId: string;
let entryId: string;

beforeAll(async () => {
  service = await startTestApp();
  await service.send('mutation { createAssessment(input: { assessmentId: "known", type: HEALTH }) { __typename } }');
  const { data } = await service.send<{ assessment: { id: string; auditTrail: { nodes: { id: string }[] } } }>(
    '{ assessment(assessmentId: "known") { id auditTrail { nodes { id } } } }',
  );
  assessmentId = data.assessment.id;
  entryId = data.assessment.auditTrail.nodes[0]?.id ?? '';
});
afterAll(() => service.stop());

const globalId = (text: string): string => Buffer.from(text).toString('base64');
const unknownUuid = '00000000-0000-7000-8000-000000000000';
const nodeQuery = `query ($id: ID!) {
  node(id: $id) { __typename id ... on Assessment { assessmentId version } ... on AssessmentAuditEntry { entryOf: assessmentId versionTo } }
}`;
const nodesQuery = 'query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }';

test('node finds an assessment by the id that it gave', async () => {
  const { data } = await service.send(nodeQuery, { id: assessmentId });
  expect(data).toEqual({ node: { __typename: 'Assessment', id: assessmentId, assessmentId: 'known', version: 1 } });
});

test('node finds an audit entry by the id that it gave', async () => {
  const { data } = await service.send(nodeQuery, { id: entryId });
  expect(data).toEqual({ node: { __typename: 'AssessmentAuditEntry', id: entryId, entryOf: 'known', versionTo: 1 } });
});

test('node of an id that names nothing is null', async () => {
  for (const id of [`Assessment:${unknownUuid}`, 'AssessmentAuditEntry:999999999999999999'].map(globalId)) {
    const { data, errors } = await service.send(nodeQuery, { id });
    expect({ data, errors }).toEqual({ data: { node: null }, errors: undefined });
  }
});

test('nodes gives them in the order that was asked for, the same one twice, and null for what is unknown, in two statements', async () => {
  service.statements.length = 0;
  const { data } = await service.send(nodesQuery, { ids: [entryId, globalId(`Assessment:${unknownUuid}`), assessmentId, entryId] });
  const entry = { __typename: 'AssessmentAuditEntry', id: entryId };
  expect(data).toEqual({ nodes: [entry, null, { __typename: 'Assessment', id: assessmentId }, entry] });
  expect(service.statements).toHaveLength(2);
});

test('the same id comes from every way to an assessment', async () => {
  const { data } = await service.send<{ assessments: { nodes: { id: string }[] }; waitForAssessment: { assessment: { id: string } } }>(
    '{ assessments { nodes { id } } waitForAssessment(assessmentId: "known", timeoutMs: 0) { ... on WaitForAssessmentPayload { assessment { id } } } }',
  );
  expect([...data.assessments.nodes, data.waitForAssessment.assessment]).toEqual([{ id: assessmentId }, { id: assessmentId }]);
});

const tampered = () => [
  '',
  'x',
  '!!!',
  '\u0000',
  '\ud800',
  'x'.repeat(100_000),
  assessmentId.slice(0, -4),
  `${assessmentId}AAAA`,
  ...[`Invented:${unknownUuid}`, 'Assessment:1', 'Assessment:', `assessment:${unknownUuid}`, `Assessment:${unknownUuid}\n`].map(globalId),
  ...['AssessmentAuditEntry:-1', 'AssessmentAuditEntry:9999999999999999999', 'AssessmentAuditEntry:1 or 1=1'].map(globalId),
];

test('a tampered id is refused by node with BAD_USER_INPUT naming id', async () => {
  for (const id of tampered()) {
    const { status, data, errors } = await service.send(nodeQuery, { id });
    expect({ id, status, data, extensions: errors?.[0]?.extensions }).toMatchObject({
      ...{ id, status: 200, data: { node: null } },
      extensions: { code: 'BAD_USER_INPUT', argument: 'id' },
    });
  }
});

test('an id in another spelling of base64 never finds the object under a second name', async () => {
  for (const id of [`${assessmentId}\n`, ` ${assessmentId}`, `${assessmentId.slice(0, 8)}*${assessmentId.slice(8)}`]) {
    const { data, errors } = await service.send(nodeQuery, { id });
    expect({ id, data, code: errors?.[0]?.extensions['code'] }).toEqual({ id, data: { node: null }, code: 'BAD_USER_INPUT' });
  }
});

test('a tampered id among others is refused by nodes with BAD_USER_INPUT naming ids', async () => {
  for (const id of tampered()) {
    const { errors } = await service.send(nodesQuery, { ids: [assessmentId, id] });
    expect({ id, extensions: errors?.[0]?.extensions }).toMatchObject({ id, extensions: { code: 'BAD_USER_INPUT', argument: 'ids' } });
  }
});

test('nodes takes 100 ids and refuses 101, naming ids', async () => {
  const hundred = Array.from({ length: 100 }, () => assessmentId);
  const taken = await service.send<{ nodes: unknown[] }>(nodesQuery, { ids: hundred });
  expect(taken.data.nodes).toHaveLength(100);
  const refused = await service.send(nodesQuery, { ids: [...hundred, assessmentId] });
  expect(refused.errors?.[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', argument: 'ids' });
});
