import { CheckError } from '../src/checks/check-error.ts';
import { loadRules } from '../src/checks/rule-set.ts';
import { runCheck } from '../src/checks/run-check.ts';
import { readTargetPolicy } from '../src/checks/target-policy.ts';
import { type Api, accepted, RefusedError } from './api.ts';
import { complete, fail, report, start, task } from './documents.ts';
import { Reporter } from './reporter.ts';

type RequestData = Record<string, unknown>;

/** Whoever runs the demo may reach every target by other means too. */
const everyTarget = '*,0.0.0.0/0,::/0';

/**
 * Does one health assessment: starts it, checks the server that its request names, reports every step, and ends it.
 * Somebody else who got there first, or who ended it meanwhile, is no error: whoever waits for it learns that from the service.
 */
export async function work(api: Api, assessmentId: string, signal: AbortSignal): Promise<void> {
  try {
    const request = await take(api, assessmentId);
    await assess(api, assessmentId, request, signal);
  } catch (error) {
    if (!(error instanceof RefusedError && (error.code === 'INVALID_TRANSITION' || error.code === 'VERSION_CONFLICT'))) throw error;
  }
}

async function take(api: Api, assessmentId: string): Promise<RequestData> {
  const { assessment } = await api.ask(task, { assessmentId });
  if (assessment === null) throw new Error(`there is no assessment ${assessmentId}`);
  const { startProcessing } = await api.ask(start, { input: { assessmentId, expectedVersion: assessment.version } });
  accepted(startProcessing);
  return assessment.requestData;
}

async function assess(api: Api, assessmentId: string, request: RequestData, signal: AbortSignal): Promise<void> {
  try {
    const result = await check(api, assessmentId, request, signal);
    const { completeAssessment } = await api.ask(complete, { input: { assessmentId, result } });
    accepted(completeAssessment);
  } catch (error) {
    if (!(error instanceof CheckError)) throw error;
    // Another attempt in a second would find the same; who wants one asks for it with retryAssessment.
    const { failAssessment } = await api.ask(fail, { input: { assessmentId, error: error.message, retryable: false } });
    accepted(failAssessment);
  }
}

async function check(api: Api, assessmentId: string, request: RequestData, signal: AbortSignal): Promise<RequestData> {
  // The assessment may end meanwhile: then the reports are refused, and the check has no sense any more.
  const refused = new AbortController();
  const steps = new Reporter<{ progress: number; message: string }>(
    async (step) => {
      const { updateProgress } = await api.ask(report, { input: { assessmentId, ...step } });
      accepted(updateProgress);
    },
    (error) => refused.abort(error),
  );
  const result = await runCheck(
    // The demo's requests name their target by metadata.url.
    { type: 'HEALTH', serverName: null, request },
    {
      signal: AbortSignal.any([signal, refused.signal]),
      progress: (progress, message) => steps.tell({ progress, message }),
      targets: readTargetPolicy(everyTarget),
      rules: await loadRules(),
    },
  );
  await steps.flush();
  return result;
}
