import { z } from 'zod';
import type { JsonObject } from './assessment.ts';
import { InvalidInputError } from './errors.ts';
import { jsonProblem, textProblem } from './json.ts';

/** The longest texts, in characters (Unicode code points). */
export const maxLength = { assessmentId: 255, serverName: 255, message: 10_000, error: 10_000, reason: 2_000, workerId: 255 } as const;

const codePoints = (text: string): number => {
  let count = 0;
  for (const _ of text) count++;
  return count;
};

/** A text that PostgreSQL can hold, of at most `max` characters. */
export const text = (max: number) =>
  z.string().superRefine((value, context) => {
    const problem = textProblem(value);
    if (problem !== undefined) context.addIssue(problem);
    if (value.length > max && codePoints(value) > max) context.addIssue(`must be at most ${max} characters long`);
  });

export const filledText = (max: number) => text(max).min(1, { error: 'must not be empty', abort: true });
export const wholeNumber = (least: number, most: number) => {
  const error = `must be a whole number from ${least} to ${most}`;
  return z.int({ error }).min(least, { error }).max(most, { error });
};

const maxInt = 2_147_483_647;
const milliseconds = (least: number) => wholeNumber(least, maxInt);
export const assessmentIdSchema = filledText(maxLength.assessmentId);
const expectedVersion = z
  .int({ error: 'must be a whole number' })
  .min(1, { error: 'must be 1 or more: versions start at 1' })
  .max(maxInt)
  .nullish();
const claimToken = z.uuid({ error: 'must be a claim token, as claimAssessments gave it (a UUID)' }).nullish();

const jsonObject = z
  .custom<JsonObject>((value) => typeof value === 'object' && value !== null && !Array.isArray(value), 'must be a JSON object')
  .superRefine((value, context) => {
    const problem = jsonProblem(value);
    if (problem !== undefined) context.addIssue({ code: 'custom', ...problem });
  });

/** How an assessment is to be done; what is not given has the default of the API contract. */
const options = z.object({
  includeDetails: z.boolean().nullish(),
  generateReport: z.boolean().nullish(),
  saveResults: z.boolean().nullish(),
  checkServerStatus: z.boolean().nullish(),
  validateConfig: z.boolean().nullish(),
  checkCompliance: z.boolean().nullish(),
  serverFilter: z.array(filledText(maxLength.serverName)).max(1_000, { error: 'must have at most 1000 entries' }).nullish(),
  deepScan: z.boolean().nullish(),
  timeout: milliseconds(0).nullish(),
});

export const createAssessmentSchema = z.object({
  assessmentId: assessmentIdSchema.nullish(),
  type: z.enum(['COMPLIANCE', 'HEALTH', 'SECURITY'], { error: 'must be COMPLIANCE, HEALTH or SECURITY' }),
  source: z.enum(['INSTALLER', 'COMPLIANCE', 'API'], { error: 'must be INSTALLER, COMPLIANCE or API' }).nullish(),
  serverName: filledText(maxLength.serverName).nullish(),
  options: options.nullish(),
  priority: wholeNumber(1, 10).nullish(),
  timeoutMs: milliseconds(1).nullish(),
  maxRetries: wholeNumber(0, 1_000).nullish(),
  timestamp: z.date({ error: 'must be a valid date and time' }).nullish(),
  metadata: jsonObject.nullish(),
});

const target = { assessmentId: assessmentIdSchema, expectedVersion };

export const startProcessingSchema = z.object(target);
export const updateProgressSchema = z.object({
  ...target,
  progress: wholeNumber(0, 100),
  message: text(maxLength.message).nullish(),
  claimToken,
});
export const completeAssessmentSchema = z.object({ ...target, result: jsonObject, claimToken });
export const failAssessmentSchema = z.object({
  ...target,
  error: filledText(maxLength.error),
  retryable: z.boolean().nullish(),
  claimToken,
});
const withReason = { ...target, reason: text(maxLength.reason).nullish() };
export const cancelAssessmentSchema = z.object(withReason);
export const retryAssessmentSchema = z.object(withReason);

/** What `createAssessment` takes. */
export type CreateAssessment = z.input<typeof createAssessmentSchema>;
/** What `startProcessing` takes. */
export type StartProcessing = z.input<typeof startProcessingSchema>;
/** What `updateProgress` takes; progress in percent. */
export type UpdateProgress = z.input<typeof updateProgressSchema>;
/** What `completeAssessment` takes. */
export type CompleteAssessment = z.input<typeof completeAssessmentSchema>;
/** What `failAssessment` takes. */
export type FailAssessment = z.input<typeof failAssessmentSchema>;
/** What `cancelAssessment` takes. */
export type CancelAssessment = z.input<typeof cancelAssessmentSchema>;
/** What `retryAssessment` takes. */
export type RetryAssessment = z.input<typeof retryAssessmentSchema>;

/**
 * The input as its schema reads it.
 * @throws InvalidInputError naming every field that is wrong, and what would be right.
 */
export function checkInput<T extends z.ZodType>(schema: T, input: unknown): z.output<T> {
  const checked = schema.safeParse(input);
  if (checked.success) return checked.data;
  throw new InvalidInputError(checked.error.issues.map((issue) => ({ path: issue.path.map(String), message: issue.message })));
}

/** How many digits PostgreSQL adds to numbers with an exponent, which jsonb gives back written out: 1e+308 as 309 digits. */
function expandedDigits(encoded: string): number {
  if (!/\de[+-]/.test(encoded)) return 0;
  let digits = 0;
  for (const [, exponent] of encoded.matchAll(/\de([+-]\d{2,3})(?=[,\]}])/g)) digits += Math.min(Math.abs(Number(exponent)), 324);
  return digits;
}

/**
 * A body as JSON text.
 * @throws InvalidInputError naming `field` when it is larger than `maxBytes` (as UTF-8, with its numbers written out).
 */
export function encodeBody(field: string, body: JsonObject, maxBytes: number): string {
  const encoded = JSON.stringify(body);
  const bytes = Buffer.byteLength(encoded) + expandedDigits(encoded);
  if (bytes > maxBytes) {
    throw new InvalidInputError([{ path: [field], message: `must be at most ${maxBytes} bytes of JSON; this is ${bytes} bytes` }]);
  }
  return encoded;
}

/** The key of an assessment. @throws InvalidInputError naming `assessmentId` */
export const checkAssessmentId = (assessmentId: string): string =>
  checkInput(z.object({ assessmentId: assessmentIdSchema }), { assessmentId }).assessmentId;
