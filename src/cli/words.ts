import type { AssessmentState, AssessmentView } from '../store/index.ts';
import { durationInWords } from './duration.ts';
import type { Output, Style } from './output.ts';
import { printable } from './printable.ts';

const styles: Readonly<Record<AssessmentState, Style>> = {
  PENDING: 'dim',
  PROCESSING: 'cyan',
  COMPLETED: 'green',
  FAILED: 'red',
  CANCELLED: 'yellow',
};

/** A state in its colour. */
export const stateInColour = (state: AssessmentState, output: Output): string => output.paint(styles[state], state);

/** One line on where an assessment stands. */
export function lineOf(assessment: AssessmentView, output: Output): string {
  return `${printable(assessment.assessmentId)}  ${stateInColour(assessment.state, output)}${detailOf(assessment)}`;
}

/** What there is to say beyond the state; begins with its own blanks. */
function detailOf({ state, progress, message, errorMessage, retryCount, maxRetries, nextRetryAt, startedAt, completedAt }: AssessmentView) {
  const said = message === null ? '' : `  ${printable(message)}`;
  switch (state) {
    case 'PENDING':
      return retryCount === 0
        ? ''
        : `  retry ${retryCount}${retryCount <= maxRetries ? ` of ${maxRetries}` : ''}${nextRetryAt === null ? '' : ` at ${nextRetryAt.toISOString()}`}${because(errorMessage)}`;
    case 'PROCESSING':
      return `  ${progress} %${said}`;
    case 'COMPLETED':
      return took(startedAt, completedAt);
    case 'FAILED':
      return `${took(startedAt, completedAt)}${because(errorMessage)}`;
    case 'CANCELLED':
      return said;
    default:
      return state satisfies never;
  }
}

const because = (error: string | null): string => (error === null ? '' : `: ${printable(error)}`);
const took = (from: Date | null, to: Date | null): string =>
  from === null || to === null ? '' : ` in ${durationInWords(to.getTime() - from.getTime())}`;

/** The same with the time of the change in front. */
export const timedLineOf = (assessment: AssessmentView, output: Output): string =>
  `${output.paint('dim', assessment.updatedAt.toISOString())}  ${lineOf(assessment, output)}`;
