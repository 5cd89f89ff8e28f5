import { z } from 'zod';
import type { AssessmentOptions, JsonObject } from '../store/index.ts';
import { CheckError } from './check-error.ts';

const flag = (ifNotGiven: boolean) =>
  z
    .boolean()
    .nullish()
    .transform((given) => given ?? ifNotGiven);

/** The options that a check heeds, with the defaults of the API; docs/checks.md says what each means. */
const schema = z.object({
  includeDetails: flag(true),
  generateReport: flag(false),
  saveResults: flag(true),
  checkServerStatus: flag(true),
  validateConfig: flag(false),
  checkCompliance: flag(true),
  serverFilter: z
    .array(z.string())
    .nullish()
    .transform((given) => given ?? []),
  deepScan: flag(false),
  timeout: z
    .number()
    .nonnegative()
    .nullish()
    .transform((given) => given ?? null),
}) satisfies z.ZodType<AssessmentOptions>;

/** The options of a request, every one with a value. @throws CheckError that names every wrong one */
export function readOptions(request: JsonObject): AssessmentOptions {
  const { data, error } = schema.safeParse(request['options'] ?? {});
  if (error === undefined) return data;
  const problems = error.issues.map(({ path, message }) => `options.${path.join('.')}: ${message}`);
  throw new CheckError(`the request has wrong options: ${problems.join('; ')}`, { retryable: false });
}

const usualBudgetMs = 30_000;
const longestBudgetMs = 300_000;

/** The time for the whole check: what was asked for up to 5 minutes, 30 s where nothing (or 0) was. */
export const budgetMsOf = ({ timeout }: AssessmentOptions): number => Math.min(timeout || usualBudgetMs, longestBudgetMs);
