import { type Api, accepted, RefusedError } from './api.ts';
import { complete, fail, report, start, task } from './documents.ts';
import { checkServer } from './health-check.ts';
import { UnreachableError } from './unreachable.ts';

const check = { requests: 10, pauseMs: 100, timeoutMs: 5_000, now: () => new Date() };

/**
 * Does one health assessment: starts it, checks the server that its request names, reports every step, and ends it.
 * Somebody else who got there first, or who ended it meanwhile, is no error: whoever waits for it learns that from the service.
 */
export async function work(api: Api, assessmentId: string, signal: AbortSignal): Promise<void> {
  try {
    const url = await take(api, assessmentId);
    await assess(api, assessmentId, url, signal);
  } catch (error) {
    if (!(error instanceof RefusedError && (error.code === 'INVALID_TRANSITION' || error.code === 'VERSION_CONFLICT'))) throw error;
  }
}

async function take(api: Api, assessmentId: string): Promise<URL> {
  const { assessment } = await api.ask(task, { assessmentId });
  if (assessment === null) throw new Error(`there is no assessment ${assessmentId}`);
  const { startProcessing } = await api.ask(start, { input: { assessmentId, expectedVersion: assessment.version } });
  accepted(startProcessing);
  return new URL(String(Object(assessment.requestData['metadata'])['url']));
}

async function assess(api: Api, assessmentId: string, url: URL, signal: AbortSignal): Promise<void> {
  try {
    const steps = checkServer(url, { ...check, signal });
    let step = await steps.next();
    for (; !step.done; step = await steps.next()) {
      const { updateProgress } = await api.ask(report, { input: { assessmentId, ...step.value } });
      accepted(updateProgress);
    }
    const { completeAssessment } = await api.ask(complete, { input: { assessmentId, result: step.value } });
    accepted(completeAssessment);
  } catch (error) {
    if (!(error instanceof UnreachableError)) throw error;
    // Another attempt in a second would find the same; who wants one asks for it with retryAssessment.
    const { failAssessment } = await api.ask(fail, { input: { assessmentId, error: error.message, retryable: false } });
    accepted(failAssessment);
  }
}
