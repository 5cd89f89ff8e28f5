import type { AssessmentFilter, AssessmentState, UpdateKind } from '../../src/store/index.ts';
import type { EndedLine } from './line.ts';

/** What a subscriber is told. */
export interface Update {
  kind: UpdateKind;
  cursor?: string;
  assessment: { assessmentId: string; state: AssessmentState; version: number; progress: number };
}

export type Ending = Pick<EndedLine, 'how' | 'why'>;

/** A piece under way. */
export interface Piece {
  ended: Promise<Ending>;
  /** Lets go of it; nothing is told after it has ended. */
  leave(): void;
}

export type OnUpdate = (update: Update) => void;

/** A way to subscribe, over sockets that several share. */
export interface Source {
  waitFor(assessmentId: string, afterVersion: number | null, onUpdate: OnUpdate): Piece;
  follow(where: AssessmentFilter | undefined, after: string | null, onUpdate: OnUpdate): Piece;
  /** The cursor of a feed that begins now; rejects when it cannot be had at present. */
  feedCursor(): Promise<string>;
  stop(): Promise<void>;
}

export const left: Ending = { how: 'LEFT', why: null };
export const completed: Ending = { how: 'COMPLETED', why: null };
