import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AssessmentState, assessmentStates, canTransition } from '../../src/store/lifecycle.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
let client: pg.Client;
beforeAll(async () => {
  database = await createTestDatabase();
  client = await database.connect();
});
afterAll(() => database.drop());

const pairs = assessmentStates.flatMap((from) => assessmentStates.map((to) => [from, to] as const));

/** How an operator brings a new assessment to each state. */
const wayTo: Record<AssessmentState, AssessmentState[]> = {
  PENDING: [],
  PROCESSING: ['PROCESSING'],
  COMPLETED: ['PROCESSING', 'COMPLETED'],
  FAILED: ['PROCESSING', 'FAILED'],
  CANCELLED: ['CANCELLED'],
};

const move = (id: string, state: AssessmentState) =>
  client.query('update assessment_states set state = $2::assessment_state where id = $1', [id, state.toLowerCase()]);

async function assessmentIn(state: AssessmentState): Promise<string> {
  const id = randomUUID();
  await client.query(
    `insert into assessment_states (id, assessment_id, type, source, request_data, request_hash) values ($1::uuid, $1::text, 'health', 'api', '{}', '')`,
    [id],
  );
  for (const step of wayTo[state]) await move(id, step);
  return id;
}

const read = async (id: string) => (await client.query('select state, version from assessment_states where id = $1', [id])).rows[0];

describe('the lifecycle in TypeScript and the guard of the database agree', () => {
  test('that there are 25 pairs', () => {
    expect(pairs).toHaveLength(25);
  });

  test.each(pairs)('on %s to %s: the function', async (from, to) => {
    const { rows } = await client.query('select assessment_transition_allowed($1, $2) as allowed', [from.toLowerCase(), to.toLowerCase()]);
    expect(rows).toEqual([{ allowed: canTransition(from, to) }]);
  });

  test.each(pairs.filter(([from, to]) => from !== to))('on %s to %s: an UPDATE in psql', async (from, to) => {
    const id = await assessmentIn(from);
    const before = await read(id);
    expect(before.state).toBe(from.toLowerCase());
    if (canTransition(from, to)) {
      await move(id, to);
      expect(await read(id)).toEqual({ state: to.toLowerCase(), version: before.version + 1 });
    } else {
      await expect(move(id, to)).rejects.toMatchObject({
        code: 'AS001',
        message: `assessment "${id}" cannot go from ${from.toLowerCase()} to ${to.toLowerCase()}`,
      });
      expect(await read(id)).toEqual(before);
    }
  });

  test.each(assessmentStates.filter((state) => state !== 'PENDING'))('that none begins as %s', async (state) => {
    const insert = `insert into assessment_states (id, assessment_id, state, type, source, request_data, request_hash)
      values (gen_random_uuid(), 'begins', $1, 'health', 'api', '{}', '')`;
    await expect(client.query(insert, [state.toLowerCase()])).rejects.toMatchObject({
      code: 'AS001',
      message: /every assessment begins as pending/,
    });
  });
});
