import { loadRules } from '../../src/checks/rule-set.ts';
import { type CheckContext, type CheckRequest, runCheck } from '../../src/checks/run-check.ts';
import { readTargetPolicy } from '../../src/checks/target-policy.ts';

/** What the tests read of a result. */
export interface Result {
  verdict: string;
  findings: { id: string; severity: string; outcome: string; evidence?: string }[];
  [key: string]: unknown;
}

export interface Run {
  result: Result;
  progress: { percent: number; message: string }[];
  /** One finding as `outcome: evidence`. */
  of(id: string): string | undefined;
}

type Options = Record<string, unknown>;

/** Runs a check on loopback with the default rules, unless said otherwise. */
export async function run(type: CheckRequest['type'], url: URL, options: Options = {}, context: Partial<CheckContext> = {}): Promise<Run> {
  return await runRequest({ type, serverName: null, request: { metadata: { url: url.href }, options } }, context);
}

export async function runRequest(request: CheckRequest, context: Partial<CheckContext> = {}): Promise<Run> {
  const progress: Run['progress'] = [];
  const result = (await runCheck(request, {
    signal: new AbortController().signal,
    progress: (percent, message) => void progress.push({ percent, message }),
    targets: readTargetPolicy(),
    rules: await loadRules(),
    ...context,
  })) as Result;
  const of = (id: string): string | undefined => {
    const found = result.findings.find((finding) => finding.id === id);
    return found && `${found.outcome}: ${found.evidence}`;
  };
  return { result, progress, of };
}

/** What a check that can't be done says. */
export const failureOf = (running: Promise<unknown>): Promise<Error & { retryable?: boolean }> =>
  running.then(
    () => Promise.reject(new Error('the check was done')),
    (error: Error) => error,
  );
