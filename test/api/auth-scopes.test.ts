import { readFileSync } from 'node:fs';
import { isObjectType } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { scopeNames, scopeTitle } from '../../src/auth/scopes.ts';
import { schema } from '../../src/schema/index.ts';
import { readEventStream } from '../support/event-stream.ts';
import { openRawSocket, type RawSocket } from '../support/raw-socket.ts';
import { type RootField, rootFields } from '../support/root-fields.ts';
import { type Answer, startTestApp, type TestApp } from '../support/test-app.ts';
import { authorizationOf, withTokens } from '../support/tokens.ts';

const docs = readFileSync(new URL('../../docs/auth.md', import.meta.url), 'utf8');

/** Which scope docs/auth.md says that a field needs. */
const documented = new Map(
  [...docs.matchAll(/^\| `(assessments:\w+)` \| (.*) \|$/gm)].flatMap(([, scope = '', fields = '']) =>
    [...fields.matchAll(/`(\w+)`/g)].map(([, field = '']) => [field, scope] as const),
  ),
);

let service: TestApp;
beforeAll(async () => {
  service = await startTestApp(withTokens);
});
afterAll(() => service.stop());

type Errors = Answer['errors'];
type Way = (document: string, scope: string) => Promise<{ data?: unknown; errors?: Errors }>;

const overHttp: Way = async (document, scope) => {
  const { data, errors } = await service.send(document, {}, await authorizationOf({ scope }));
  return { data, ...(errors && { errors }) };
};

const asEvents: Way = async (query, scope) => {
  const done = new AbortController();
  const response = await fetch(service.url, {
    method: 'POST',
    signal: done.signal,
    headers: { 'content-type': 'application/json', accept: 'text/event-stream', ...(await authorizationOf({ scope })) },
    body: JSON.stringify({ query }),
  });
  // A feed says nothing as long as nothing happens: that it has begun is told by a comment.
  return new Promise((resolve) => {
    const stream = readEventStream(response, ({ event, data }) => {
      if (event === 'next') resolve(data as Awaited<ReturnType<Way>>);
    });
    const begun = setInterval(() => {
      if (stream.comments > 0 && stream.events.length === 0 && service.app.store.feeding > 0) resolve({ data: 'begun' });
    }, 5);
    stream.ended.catch(() => {}).finally(() => clearInterval(begun));
  }).finally(() => done.abort()) as ReturnType<Way>;
};

const onSocket: Way = async (document, scope) => {
  const socket: RawSocket = await openRawSocket(service.url, { headers: await authorizationOf({ scope }) });
  socket.subscribe('1', document);
  try {
    return await new Promise((resolve) => {
      const look = setInterval(() => {
        const message = socket.messages.find(({ id }) => id === '1');
        if (message?.type === 'next') resolve(message.payload as object);
        else if (message?.type === 'error') resolve({ errors: message.payload as NonNullable<Errors> });
        else if (message !== undefined || service.app.store.feeding > 0) resolve({ data: 'begun' });
        else return;
        clearInterval(look);
      }, 5);
    });
  } finally {
    socket.socket.terminate();
  }
};

const isForbidden = ({ errors = [] }: { errors?: Errors }): boolean => errors.some(({ extensions }) => extensions['code'] === 'FORBIDDEN');
const waysOf = ({ kind }: RootField): [string, Way][] =>
  kind === 'subscription'
    ? [
        ['as events', asEvents],
        ['on a socket', onSocket],
      ]
    : [
        ['over HTTP', overHttp],
        ['on a socket', onSocket],
      ];

test('docs/auth.md has every root field under one scope, and no other', () => {
  expect([...documented.keys()].toSorted()).toEqual(rootFields.map(({ name }) => name).toSorted());
  expect([...new Set(documented.values())]).toEqual(scopeNames.map(scopeTitle));
});

test('every type says whom it is for', () => {
  const silent = Object.values(schema.getTypeMap()).filter(
    (type) => isObjectType(type) && !type.name.startsWith('__') && Object(type.extensions['pothosOptions']).authScopes === undefined,
  );
  // Roots say it for each field; where a page stands in a list is shown with the list.
  expect(silent.map(({ name }) => name).toSorted()).toEqual(['Mutation', 'PageInfo', 'Query', 'Subscription']);
});

describe.each(rootFields.map((field) => [`${field.kind} ${field.name}`, field] as const))('%s', (_, field) => {
  const needed = documented.get(field.name) ?? 'nothing';
  const document = field.document(field.leastArguments);

  test.each(waysOf(field))('is refused %s to every token without its scope, which is named', async (__, ask) => {
    const others = scopeNames.map(scopeTitle).filter((scope) => scope !== needed && scope !== 'assessments:admin');
    for (const scope of ['', others.join(' '), `${needed}s`, needed.toUpperCase(), needed.replace(':', ' ')]) {
      const { data, errors } = await ask(document, scope);
      expect({ scope, data: Object.values(data ?? {}).filter((value) => value !== null), errors }).toMatchObject({
        ...{ scope, data: [] },
        errors: [{ message: expect.stringContaining(needed), extensions: { code: 'FORBIDDEN' } }],
      });
      expect(Object.keys(errors?.[0]?.extensions ?? {})).toEqual(['code']);
    }
  });

  test.each(waysOf(field))('is let through %s with its scope, and with that of the administrators', async (__, ask) => {
    for (const scope of [needed, `openid ${needed} profile`, 'assessments:admin']) {
      const answer = await ask(field.document(field.leastArguments, ['AssessmentAuditConnection']), scope);
      expect({ scope, errors: isForbidden(answer) ? answer.errors : [] }).toEqual({ scope, errors: [] });
    }
  });
});

test('a refused command changes nothing, and none is refused because of its neighbour', async () => {
  const create = (id: string) =>
    `createAssessment(input: { assessmentId: "${id}", type: HEALTH }) { ... on CreateAssessmentPayload { assessment { version } } }`;
  expect(isForbidden(await overHttp(`mutation { ${create('refused')} }`, 'assessments:read assessments:work'))).toBe(true);
  const both = await overHttp(
    `mutation { a: ${create('taken')} b: cleanupOldAssessments(input: { retentionDays: 1 }) { deletedCount } }`,
    'assessments:write',
  );
  expect(both).toMatchObject({ data: null, errors: [{ path: ['b'], extensions: { code: 'FORBIDDEN' } }] });
  const found = await overHttp(
    '{ a: assessment(assessmentId: "refused") { version } b: assessment(assessmentId: "taken") { version } }',
    'assessments:read',
  );
  expect(found.data).toEqual({ a: null, b: { version: 1 } });
});

test('whoever submits or works sees what a command gives back, but not its audit trail', async () => {
  const create = (more: string) =>
    `mutation { createAssessment(input: { type: HEALTH, priority: 1 }) { ... on CreateAssessmentPayload { assessment { id state requestData options { deepScan } ${more} } } } }`;
  expect(await overHttp(create(''), 'assessments:write')).toMatchObject({
    data: { createAssessment: { assessment: { state: 'PENDING' } } },
  });
  const claim =
    'mutation { claimAssessments(input: { workerId: "w" }) { claims { claimToken assessment { requestData claim { workerId } } } } }';
  expect(await overHttp(claim, 'assessments:work')).toMatchObject({
    data: { claimAssessments: { claims: [{ assessment: { claim: { workerId: 'w' } } }] } },
  });
  const trail = await overHttp(create('auditTrail { nodes { reason } }'), 'assessments:write');
  expect(trail.errors).toMatchObject([{ message: expect.stringContaining('assessments:read'), extensions: { code: 'FORBIDDEN' } }]);
  expect(isForbidden(await overHttp(create('auditTrail { nodes { reason } }'), 'assessments:write assessments:read'))).toBe(false);
});

test('answers to updates are not shared with those who may see less', async () => {
  const feed = 'subscription { assessmentFeed { assessment { assessmentId } } }';
  const open = async (scope: string) => {
    const socket = await openRawSocket(service.url, { headers: await authorizationOf({ scope, sub: `reader of ${scope}` }) });
    socket.subscribe('1', feed);
    return socket;
  };
  const allowed = await open('assessments:read');
  const refused = await open('assessments:work assessments:write');
  expect(await refused.received('1', 'error')).toMatchObject({ payload: [{ extensions: { code: 'FORBIDDEN' } }] });
  await overHttp('mutation { createAssessment(input: { assessmentId: "shown", type: HEALTH }) { __typename } }', 'assessments:write');
  expect(await allowed.received('1', 'next')).toMatchObject({
    payload: { data: { assessmentFeed: { assessment: { assessmentId: 'shown' } } } },
  });
  expect(refused.typesOf('1')).toEqual(['error']);
  for (const { socket } of [allowed, refused]) socket.terminate();
});
