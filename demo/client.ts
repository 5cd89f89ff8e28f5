import { type Api, accepted } from './api.ts';
import { cancel, submit, watch } from './documents.ts';
import type { WatchSubscription } from './generated/graphql.ts';

/** An assessment as its subscription shows it. */
export type Watched = WatchSubscription['assessmentUpdated']['assessment'];

/** Submits the health assessment of a server. Gives its key. @throws RefusedError */
export async function submitHealthCheck(api: Api, url: URL): Promise<string> {
  const input = { type: 'HEALTH', serverName: url.hostname, metadata: { url: url.href }, options: { validateConfig: true } } as const;
  const { createAssessment } = await api.ask(submit, { input });
  return accepted(createAssessment).assessment.assessmentId;
}

/** Waits by subscription until the assessment has ended, and gives it as it is then; tells of every change that it sees on the way. */
export async function waitForEnd(api: Api, assessmentId: string, onChange: (assessment: Watched) => void): Promise<Watched> {
  let last: Watched | undefined;
  for await (const { assessmentUpdated } of api.follow(watch, { assessmentId })) {
    last = assessmentUpdated.assessment;
    onChange(last);
  }
  if (last === undefined || !last.terminal) throw new Error('the subscription ended before the assessment did');
  return last;
}

/** Cancels the assessment unless it has ended. */
export async function giveUp(api: Api, assessmentId: string): Promise<void> {
  await api.ask(cancel, { input: { assessmentId, reason: 'the demo was interrupted' } });
}
