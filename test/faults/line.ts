import type { AssessmentState, UpdateKind } from '../../src/store/index.ts';
import type { Selection } from './selection.ts';

/** What a subscriber came for. */
export type Interest = { waitsFor: string } | { follows: Selection };

/** The first line of a subscriber. */
export interface JoinedLine {
  type: 'JOINED';
  subscriber: string;
  interest: Interest;
}

/** A piece begins: one subscription of the subscriber's, from here until it ends for whatever reason. */
export interface BegunLine {
  type: 'BEGUN';
  subscriber: string;
  piece: number;
  /** `afterVersion` of a waiter, `after` of a feed; null: not given. */
  after: number | string | null;
}

/** An update came. */
export interface SeenLine {
  type: 'SEEN';
  subscriber: string;
  piece: number;
  /** Null for a waiter. */
  cursor: string | null;
  assessmentId: string;
  version: number;
  state: AssessmentState;
  kind: UpdateKind;
  progress: number;
  /** Milliseconds since 1970. */
  at: number;
}

/**
 * How a piece ended: the subscriber LEFT; the service had COMPLETED it; it was BROKEN off, or put off for now; it was REFUSED for good.
 */
export interface EndedLine {
  type: 'ENDED';
  subscriber: string;
  piece: number;
  how: 'LEFT' | 'COMPLETED' | 'BROKEN' | 'REFUSED';
  why: string | null;
}

/** A line of a subscriber's journal. */
export type Line = JoinedLine | BegunLine | SeenLine | EndedLine;
