import { setMaxListeners } from 'node:events';
import { NotFoundError } from '../store/errors.ts';
import type { AssessmentState, AssessmentView, UpdateView } from '../store/index.ts';
import { TimeUpError } from './errors.ts';
import { exitCodes } from './exit-codes.ts';
import { explain } from './failure.ts';
import type { Session } from './session.ts';

/** What is told of assessments that are awaited. */
export interface Follower {
  /** An assessment has changed; also with its state in the beginning, and with its end. */
  changed(update: UpdateView): void | Promise<void>;
  /** An assessment has ended. */
  ended(assessment: AssessmentView): void | Promise<void>;
  /** The time is up, and the assessment stands here. */
  unfinished(assessment: AssessmentView): void | Promise<void>;
}

/**
 * Follows assessments until every one has ended, or the time is up; one that does not exist is told as an error. Gives the highest of their
 * exit codes.
 * @throws UnavailableError when the service cannot be reached in the first place; the signal's reason unless that is a TimeUpError
 */
export async function follow(assessmentIds: readonly string[], session: Session, follower: Follower): Promise<number> {
  await reach(session);
  const giveUp = new AbortController();
  const signal = AbortSignal.any([session.signal, giveUp.signal]);
  setMaxListeners(0, signal);
  const following = [...new Set(assessmentIds)].map((assessmentId) => followOne(assessmentId, { ...session, signal }, follower));
  try {
    return Math.max(exitCodes.DONE, ...(await Promise.all(following)));
  } catch (error) {
    giveUp.abort(error);
    await Promise.allSettled(following);
    throw error;
  }
}

/** Once begun, a wait outlives any outage; but an address where nothing answers is to be told before. */
export async function reach({ client, ask }: Session): Promise<void> {
  await ask((signal) => client.getHealthStatus(signal));
}

async function followOne(assessmentId: string, { client, output, signal }: Session, follower: Follower): Promise<number> {
  let last: AssessmentView | undefined;
  try {
    for await (const update of client.watch(assessmentId, signal)) {
      last = update.assessment;
      await follower.changed(update);
    }
    signal.throwIfAborted();
    const code = last && endCodes[last.state];
    if (last === undefined || code === undefined) throw new Error('the service ended the updates before the assessment had ended');
    await follower.ended(last);
    return code;
  } catch (error) {
    if (error instanceof TimeUpError) {
      output.error(`${assessmentId} has not ended: ${error.message}`, { code: 'TIME_UP', assessmentId });
      if (last !== undefined) await follower.unfinished(last);
      return exitCodes.TIMED_OUT;
    }
    if (!(error instanceof NotFoundError)) throw error;
    const { text, ...fields } = explain(error);
    output.error(text, { ...fields, assessmentId });
    return exitCodes.REFUSED;
  }
}

const endCodes: Partial<Record<AssessmentState, number>> = {
  COMPLETED: exitCodes.DONE,
  FAILED: exitCodes.FAILED,
  CANCELLED: exitCodes.CANCELLED,
};
