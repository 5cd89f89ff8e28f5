import type { AssessmentState } from '../../src/store/index.ts';
import type { Dice } from './dice.ts';

/** How an assessment of the run lives, in milliseconds from the start of the updates. */
export interface Life {
  /** When it is created; the first of all are before the start. */
  createdAt: number;
  /** When attempts fail; after each it is tried again. */
  failsAt: readonly number[];
  endsAt: number;
  end: 'COMPLETED' | 'FAILED' | 'CANCELLED';
}

const partCreatedLate = 0.1;
const partEndedEarly = 0.3;
const partThatFails = 0.25;

/** A life by chance. One in four fails once or twice before its end; three in ten end before the run does. */
export function pickLife(dice: Dice, runMs: number): Life {
  const createdAt = dice.chance(partCreatedLate) ? dice.between(0, runMs * 0.6) : -1;
  const endsAt = dice.chance(partEndedEarly) ? dice.between(runMs * 0.3, runMs) : runMs;
  const fails = dice.chance(partThatFails) ? dice.whole(1, 2) : 0;
  const failsAt = Array.from({ length: fails }, () => dice.between(Math.max(0, createdAt), endsAt)).sort((a, b) => a - b);
  return { createdAt, failsAt, endsAt, end: dice.pick(['COMPLETED', 'COMPLETED', 'COMPLETED', 'FAILED', 'CANCELLED']) };
}

/** Where an assessment is, as its writer knows. */
export interface Stand {
  state: AssessmentState | undefined;
  version: number;
  progress: number;
  /** How many of the failures of its life have been. */
  failures: number;
}

export type Step = 'CREATE' | 'START' | 'PROGRESS' | 'FAIL' | 'RETRY' | 'END' | undefined;

/** What is to be done with an assessment next; undefined: nothing now, or nothing any more. */
export function nextStep(life: Life, { state, failures }: Stand, now: number): Step {
  const isEnd = now >= life.endsAt;
  switch (state) {
    case undefined:
      return now >= life.createdAt ? 'CREATE' : undefined;
    case 'PENDING':
      return isEnd && life.end === 'CANCELLED' ? 'END' : 'START';
    case 'PROCESSING':
      if (isEnd) return 'END';
      return now >= (life.failsAt[failures] ?? Number.POSITIVE_INFINITY) ? 'FAIL' : 'PROGRESS';
    case 'FAILED':
      return failures <= life.failsAt.length && !(isEnd && life.end === 'FAILED') ? 'RETRY' : undefined;
    case 'COMPLETED':
    case 'CANCELLED':
      return undefined;
    default:
      return state satisfies never;
  }
}
