import type { Dice } from './dice.ts';
import { serverNameOf } from './names.ts';
import type { Selection } from './selection.ts';

const ends = ['COMPLETED', 'FAILED', 'CANCELLED'] as const;

/** What a follower asks for: mostly a few assessments, so that thousands can follow at once; never all of them. */
export function pickSelection(dice: Dice, assessmentIds: readonly string[]): Selection {
  const server = serverNameOf(dice.whole(0, assessmentIds.length - 1));
  const chosen = dice.whole(1, 100);
  if (chosen <= 50) return { by: 'IDS', assessmentIds: [dice.pick(assessmentIds), dice.pick(assessmentIds)] };
  if (chosen <= 60) return { by: 'SERVER', serverName: server };
  if (chosen <= 72) return { by: 'PROGRESS', serverName: server, from: dice.whole(0, 20), to: dice.whole(20, 60) };
  if (chosen <= 80) return { by: 'STATES', states: dice.shuffled(ends).slice(0, 2) };
  if (chosen <= 90) return { by: 'NOT_PROCESSING', serverNames: server.slice(0, -1) };
  return { by: 'RETRIED_OR_NEW', serverNames: server.slice(-2) };
}
