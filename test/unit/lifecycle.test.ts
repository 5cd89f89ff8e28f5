import { describe, expect, test } from 'vitest';
import { assessmentStates, canTransition, isFinal, isTerminal, kindOfChange, transitions } from '../../src/store/lifecycle.ts';

describe('the lifecycle', () => {
  test('has exactly the transitions of its description', () => {
    const pairs = assessmentStates.flatMap((from) => assessmentStates.filter((to) => canTransition(from, to)).map((to) => `${from} ${to}`));
    expect(pairs.sort()).toEqual([
      'FAILED PENDING',
      'PENDING CANCELLED',
      'PENDING PROCESSING',
      'PROCESSING CANCELLED',
      'PROCESSING COMPLETED',
      'PROCESSING FAILED',
      'PROCESSING PENDING',
    ]);
  });

  test('never counts staying as a transition', () => {
    for (const state of assessmentStates) expect(canTransition(state, state)).toBe(false);
  });

  test('reaches every state from PENDING', () => {
    const reached = new Set<string>(['PENDING']);
    for (const state of reached) for (const next of transitions[state as 'PENDING']) reached.add(next);
    expect([...reached].sort()).toEqual([...assessmentStates].sort());
  });

  test('ends in three states, of which only FAILED may be left again', () => {
    expect(assessmentStates.filter(isTerminal)).toEqual(['COMPLETED', 'FAILED', 'CANCELLED']);
    expect(assessmentStates.filter(isFinal)).toEqual(['COMPLETED', 'CANCELLED']);
  });
});

describe('the kind of a change', () => {
  const later = new Date(0);

  test.each([
    ['CREATED', null, 'PENDING', null],
    ['STARTED', 'PENDING', 'PROCESSING', null],
    ['PROGRESS', 'PROCESSING', 'PROCESSING', null],
    ['PROGRESS', 'PENDING', 'PENDING', null],
    ['PROGRESS', 'PENDING', 'PENDING', later],
    ['COMPLETED', 'PROCESSING', 'COMPLETED', null],
    ['FAILED', 'PROCESSING', 'FAILED', null],
    ['CANCELLED', 'PROCESSING', 'CANCELLED', null],
    ['CANCELLED', 'PENDING', 'CANCELLED', null],
    ['RETRIED', 'PROCESSING', 'PENDING', later],
    ['RELEASED', 'PROCESSING', 'PENDING', null],
    ['RETRIED', 'FAILED', 'PENDING', null],
  ] as const)('is %s from %s to %s, next retry %s', (kind, previous, state, nextRetryAt) => {
    expect(kindOfChange(previous, state, nextRetryAt)).toBe(kind);
  });
});
