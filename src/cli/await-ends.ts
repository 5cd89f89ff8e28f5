import { follow } from './follow.ts';
import { barsFollower, endsFollower, withBars } from './followers.ts';
import type { Session } from './session.ts';

/** Waits until every assessment has ended: bars on a terminal, elsewhere a line for each end. Gives the highest of their exit codes. */
export async function awaitEnds(assessmentIds: readonly string[], session: Session): Promise<number> {
  const { client, output, ask } = session;
  const resultOf = async (assessmentId: string): Promise<unknown> =>
    (await ask((signal) => client.getState(assessmentId, signal))).resultData;
  return output.live
    ? withBars(output, (bars) => follow(assessmentIds, session, barsFollower(bars, output)))
    : follow(assessmentIds, session, endsFollower(output, resultOf));
}
