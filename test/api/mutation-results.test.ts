import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { assessmentStates, transitions } from '../../src/store/index.ts';
import { findAuditFlaws } from '../support/audit-checker.ts';
import { isPayload, type Mutation, mutations } from '../support/mutations.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';

let service: TestApp;
beforeAll(async () => {
  // The claims that have run out are to stay as they are.
  service = await startTestApp({ MAINTENANCE_MS: 60_000 });
});
afterAll(async () => {
  const flaws = await findAuditFlaws(await service.database.connect());
  await service.stop();
  expect(flaws).toEqual([]);
});

type State = (typeof assessmentStates)[number];

/** What a mutation needs beside the key, from where it leads, and to where. */
interface Change {
  rest: Record<string, unknown>;
  invalid: Record<string, unknown>;
  from: readonly State[];
  to: State;
}
const changes: Record<string, Change> = {
  startProcessing: { rest: {}, invalid: { expectedVersion: 0 }, from: ['PENDING'], to: 'PROCESSING' },
  updateProgress: { rest: { progress: 40 }, invalid: { progress: 101 }, from: ['PROCESSING'], to: 'PROCESSING' },
  completeAssessment: { rest: { result: { score: 1 } }, invalid: { claimToken: 'x' }, from: ['PROCESSING'], to: 'COMPLETED' },
  failAssessment: { rest: { error: 'no answer' }, invalid: { error: '' }, from: ['PROCESSING'], to: 'FAILED' },
  cancelAssessment: { rest: { reason: 'not needed' }, invalid: { reason: '\0' }, from: ['PENDING', 'PROCESSING'], to: 'CANCELLED' },
  retryAssessment: { rest: { reason: 'once more' }, invalid: { reason: '\0' }, from: ['FAILED'], to: 'PENDING' },
};

let made = 0;
const newKey = (): string => `key-${++made}`;
type Result = Record<string, unknown> & { __typename: string };

async function run({ name, document }: Mutation, input: Record<string, unknown>): Promise<Result> {
  const { status, data, errors } = await service.send<Record<string, Result>>(document, { input });
  expect({ status, errors }).toEqual({ status: 200, errors: undefined });
  return data[name] as Result;
}

const named = (name: string): Mutation => mutations.find((mutation) => mutation.name === name) ?? expect.fail(`no mutation ${name}`);
const change = (name: string, assessmentId: string) => run(named(name), { assessmentId, ...changes[name]?.rest });

const wayTo: Record<State, string[]> = {
  PENDING: [],
  PROCESSING: ['startProcessing'],
  COMPLETED: ['startProcessing', 'completeAssessment'],
  FAILED: ['startProcessing', 'failAssessment'],
  CANCELLED: ['cancelAssessment'],
};

/** A new assessment in this state, as the API shows it. */
async function assessmentIn(state: State): Promise<{ assessmentId: string; state: State; version: number; progress: number }> {
  const assessmentId = newKey();
  await run(named('createAssessment'), { assessmentId, type: 'HEALTH' });
  for (const step of wayTo[state]) await change(step, assessmentId);
  const assessment = await look(assessmentId);
  expect(assessment.state).toBe(state);
  return assessment;
}

async function look(assessmentId: string) {
  const { data } = await service.send<{ assessment: { assessmentId: string; state: State; version: number; progress: number } }>(
    'query ($id: String!) { assessment(assessmentId: $id) { assessmentId state version progress } }',
    { id: assessmentId },
  );
  return data.assessment;
}

/** Lets a worker hold the assessment, as it will be when there are claims; gives its token. */
async function claim(assessmentId: string, lease = '1 minute'): Promise<string> {
  const psql = await service.database.connect();
  const { rows } = await psql.query<{ token: string }>(
    `update assessment_states set claimed_by = 'worker-7', claim_token = gen_random_uuid(), claimed_at = now(), claim_expires_at = now() + $2::interval
     where assessment_id = $1 returning claim_token as token`,
    [assessmentId, lease],
  );
  return rows[0]?.token ?? expect.fail('no claim was made');
}

const text = expect.stringMatching(/./);

/** How each member of a mutation that changes an assessment comes about. A new member without a case here fails the test below. */
const members: Record<string, (mutation: Mutation, change: Change) => Promise<void>> = {
  async Payload(mutation, { rest, from, to }) {
    for (const state of from) {
      const { assessmentId, version } = await assessmentIn(state);
      const answer = await run(mutation, { assessmentId, ...rest, expectedVersion: version });
      const assessment = await look(assessmentId);
      expect(answer).toEqual({ __typename: expect.stringMatching(/Payload$/), assessment });
      expect(assessment).toMatchObject({ state: to, version: version + 1 });
    }
  },
  async InvalidInputError(mutation, { rest, invalid, from: [state = 'PENDING'] }) {
    const assessment = await assessmentIn(state);
    const answer = await run(mutation, { assessmentId: assessment.assessmentId, ...rest, ...invalid });
    const fields = [{ path: Object.keys(invalid), message: text }];
    expect(answer).toEqual({ __typename: 'InvalidInputError', code: 'INVALID_INPUT', message: text, fields });
    expect(await look(assessment.assessmentId)).toEqual(assessment);
  },
  async NotFoundError(mutation, { rest }) {
    const assessmentId = newKey();
    const answer = await run(mutation, { assessmentId, ...rest });
    expect(answer).toEqual({
      __typename: 'NotFoundError',
      code: 'NOT_FOUND',
      message: expect.stringContaining(assessmentId),
      assessmentId,
    });
  },
  async InvalidTransitionError(mutation, { rest, from, to }) {
    const others = assessmentStates.filter((state) => !from.includes(state));
    expect(others.length).toBeGreaterThan(0);
    for (const state of others) {
      const assessment = await assessmentIn(state);
      const answer = await run(mutation, { assessmentId: assessment.assessmentId, ...rest, expectedVersion: assessment.version });
      const judged = { __typename: 'InvalidTransitionError', code: 'INVALID_TRANSITION', message: expect.stringContaining(state) };
      expect(answer).toEqual({ ...judged, from: state, to, allowed: transitions[state], assessment });
      expect(await look(assessment.assessmentId)).toEqual(assessment);
    }
  },
  async VersionConflictError(mutation, { rest, from: [state = 'PENDING'] }) {
    const assessment = await assessmentIn(state);
    for (const expectedVersion of [assessment.version + 1, 2_147_483_647]) {
      const answer = await run(mutation, { assessmentId: assessment.assessmentId, ...rest, expectedVersion });
      const judged = { __typename: 'VersionConflictError', code: 'VERSION_CONFLICT', message: text };
      expect(answer).toEqual({ ...judged, expectedVersion, assessment });
    }
    expect(await look(assessment.assessmentId)).toEqual(assessment);
  },
  async ClaimLostError(mutation, { rest }) {
    const held = await assessmentIn('PROCESSING');
    const token = await claim(held.assessmentId);
    const expired = await assessmentIn('PROCESSING');
    const lateToken = await claim(expired.assessmentId, '0 seconds');
    const unheld = await assessmentIn('PROCESSING');
    for (const { assessmentId, claimToken } of [
      { assessmentId: held.assessmentId, claimToken: null },
      { assessmentId: held.assessmentId, claimToken: lateToken },
      { assessmentId: expired.assessmentId, claimToken: lateToken },
      { assessmentId: unheld.assessmentId, claimToken: token },
    ]) {
      const assessment = await look(assessmentId);
      const answer = await run(mutation, { assessmentId, ...rest, claimToken });
      expect(answer).toEqual({ __typename: 'ClaimLostError', code: 'CLAIM_LOST', message: text, assessment });
      expect(JSON.stringify(answer)).not.toContain(token);
      expect(await look(assessmentId)).toEqual(assessment);
    }
    expect((await run(mutation, { assessmentId: held.assessmentId, ...rest, claimToken: token })).__typename).toMatch(/Payload$/);
  },
};

for (const mutation of mutations.filter(({ name }) => name !== 'createAssessment')) {
  describe(mutation.name, () => {
    test.each(mutation.members)('answers with %s', async (member) => {
      const produce = members[isPayload(member) ? 'Payload' : member];
      const description = changes[mutation.name];
      if (produce === undefined || description === undefined) throw new Error(`no case for ${member} of ${mutation.name}`);
      await produce(mutation, description);
    });
  });
}

describe('createAssessment', () => {
  const create = named('createAssessment');
  const input = { type: 'SECURITY', source: 'INSTALLER', serverName: 'web-1', priority: 1, metadata: { ticket: 'OPS-1', list: [1, 2] } };
  const cases: Record<string, () => Promise<void>> = {
    async CreateAssessmentPayload() {
      const assessmentId = newKey();
      const assessment = { assessmentId, state: 'PENDING', version: 1, progress: 0 };
      const __typename = 'CreateAssessmentPayload';
      expect(await run(create, { ...input, assessmentId })).toEqual({ __typename, created: true, assessment });
      // The same request again: other order of keys, defaults spelt out.
      const again = { ...input, metadata: { list: [1, 2], ticket: 'OPS-1' }, maxRetries: 0, options: { deepScan: false }, assessmentId };
      expect(await run(create, again)).toEqual({ __typename, created: false, assessment });
    },
    async AlreadyExistsError() {
      const { assessmentId } = await assessmentIn('PROCESSING');
      for (const different of [
        { type: 'SECURITY' },
        { type: 'HEALTH', priority: 6 },
        { type: 'HEALTH', metadata: {} },
        { type: 'HEALTH', options: { timeout: 0 } },
      ]) {
        const answer = await run(create, { ...different, assessmentId });
        const assessment = await look(assessmentId);
        const judged = { __typename: 'AlreadyExistsError', code: 'ALREADY_EXISTS', message: expect.stringContaining(assessmentId) };
        expect(answer).toEqual({ ...judged, assessment });
      }
    },
    async InvalidInputError() {
      const assessmentId = newKey();
      const answer = await run(create, { ...input, assessmentId, priority: 0, maxRetries: -1, options: { serverFilter: ['a', ''] } });
      const fields = [['options', 'serverFilter', '1'], ['priority'], ['maxRetries']].map((path) => ({ path, message: text }));
      expect(answer).toEqual({ __typename: 'InvalidInputError', code: 'INVALID_INPUT', message: text, fields });
      expect(await look(assessmentId)).toBeNull();
    },
  };

  test.each(create.members)('answers with %s', async (member) => {
    const produce = cases[member];
    if (produce === undefined) throw new Error(`no case for ${member} of createAssessment`);
    await produce();
  });
});
