import type { AssessmentOptions, JsonObject } from '../store/index.ts';
import { CheckError } from './check-error.ts';
import type { Reach } from './connection.ts';
import { findingsOf } from './findings.ts';
import { observe } from './observation.ts';
import { budgetMsOf, readOptions } from './options.ts';
import { placeOf } from './place.ts';
import { planOf } from './plan.ts';
import { Progress } from './progress.ts';
import { resultOf, skippedResult } from './result.ts';
import { evaluateRules } from './rule-evaluation.ts';
import type { RuleSet } from './rule-set.ts';
import { type Candidates, passesFilter, targetOf } from './target.ts';
import type { TargetPolicy } from './target-policy.ts';
import { withTimeLimit } from './time-limit.ts';

export interface CheckRequest {
  type: 'HEALTH' | 'SECURITY' | 'COMPLIANCE';
  serverName: string | null;
  /** As it is stored: options, metadata and the rest. */
  request: JsonObject;
}

export interface CheckContext {
  /** Ends the check at once, with its reason. */
  signal: AbortSignal;
  /** Called from 0 % on, never falling, up to 99 at most. */
  progress: (percent: number, message: string) => void;
  /** What may be connected to. */
  targets: TargetPolicy;
  rules: RuleSet;
}

const attemptMs = 10_000;

/**
 * Checks the target of a request. Gives the result as docs/checks.md describes it.
 * @throws CheckError when the target can't be checked, or not in time; the reason of the signal when that ends the check.
 */
export async function runCheck(request: CheckRequest, context: CheckContext): Promise<JsonObject> {
  context.signal.throwIfAborted();
  const options = readOptions(request.request);
  const candidates = targetOf(request);
  const progress = new Progress(context.progress);
  if (!passesFilter(candidates, options.serverFilter)) {
    progress.report(0, 'skipped');
    return skippedResult(
      request.type,
      candidates[0],
      `the target matches none of ${options.serverFilter.length} patterns of serverFilter`,
      options,
    );
  }
  if (request.type === 'COMPLIANCE' && !options.checkCompliance)
    return skippedResult(request.type, candidates[0], 'checkCompliance is false, and nothing else was asked for', options);
  return await inTime({ ...request, options, candidates }, context, progress);
}

type Task = CheckRequest & { options: AssessmentOptions; candidates: Candidates };

function inTime(task: Task, { signal: parent, targets, rules }: CheckContext, progress: Progress): Promise<JsonObject> {
  const limitMs = budgetMsOf(task.options);
  const late = (): Error =>
    new CheckError(
      `the check of ${placeOf(task.candidates[0])} took longer than its timeout of ${limitMs / 1_000} s; the last step: ${progress.message}`,
      { retryable: true },
    );
  return withTimeLimit({ parent, limitMs, late }, (signal) => look(task, { targets, signal, attemptMs }, rules, progress));
}

async function look({ type, options, candidates }: Task, reach: Reach, rules: RuleSet, progress: Progress): Promise<JsonObject> {
  const observation = await observe(candidates, planOf(type, options), reach, progress);
  progress.report(95, 'judging what was seen');
  const complied = options.checkCompliance ? { name: rules.name, findings: evaluateRules(rules, observation) } : null;
  const findings = type === 'COMPLIANCE' ? (complied?.findings ?? []) : findingsOf(type, observation, options);
  const result = resultOf({ type, observation, findings, complied: type === 'COMPLIANCE' ? null : complied, ruleSet: rules.name, options });
  progress.report(99, 'done');
  return result;
}
