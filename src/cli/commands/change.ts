import { InvalidArgumentError } from '@commander-js/extra-typings';
import { RefusalError } from '../../store/errors.ts';
import type { Assessments, AssessmentView } from '../../store/index.ts';
import { assessmentIds } from '../assessment-ids.ts';
import { exitCodes } from '../exit-codes.ts';
import { explain } from '../failure.ts';
import { examples, type Program } from '../globals.ts';
import { runAsking, type Session } from '../session.ts';
import { wholeNumber } from '../whole-number.ts';
import { lineOf } from '../words.ts';

export const addCancel = (program: Program) =>
  addChange(program, 'cancel', 'cancelAssessment', 'cancel assessments that have not ended').addHelpText(
    'after',
    examples('assessment-store cancel a-1 a-2 --reason "the server is gone"', 'assessment-store cancel a-1 --expected-version 4'),
  );

export const addRetry = (program: Program) =>
  addChange(program, 'retry', 'retryAssessment', 'put assessments that are FAILED into the queue again').addHelpText(
    'after',
    examples('assessment-store retry nightly-17 && assessment-store wait nightly-17'),
  );

type Change = { reason?: string; expectedVersion?: number };

const addChange = (program: Program, name: string, method: 'cancelAssessment' | 'retryAssessment', description: string) =>
  program
    .command(name)
    .description(description)
    .argument('<ids...>', 'the assessments', assessmentIds)
    .option('--reason <text>', 'why; the history shows it', readReason)
    .option('--expected-version <number>', 'only if it still has this version; with one assessment', wholeNumber(1, 2_147_483_647))
    .action((ids, options, command) => {
      if (ids.length > 1 && options.expectedVersion !== undefined)
        command.error("error: option '--expected-version <number>' goes with one assessment only", { exitCode: exitCodes.USAGE });
      return runAsking(command.optsWithGlobals(), (session) => changeAll(ids, method, options, session));
    });

/** Changes one after the other; a refusal concerns that one alone. Gives the highest exit code. */
async function changeAll(
  ids: readonly string[],
  method: keyof Pick<Assessments, 'cancelAssessment' | 'retryAssessment'>,
  change: Change,
  session: Session,
) {
  const { client, output, ask } = session;
  let code: number = exitCodes.DONE;
  for (const assessmentId of new Set(ids)) {
    try {
      const assessment: AssessmentView = await ask((signal) => client[method]({ assessmentId, ...change }, signal));
      await (output.json ? output.value(assessment) : output.line(lineOf(assessment, output)));
    } catch (error) {
      if (!(error instanceof RefusalError)) throw error;
      const { text, ...fields } = explain(error);
      output.error(text, { ...fields, assessmentId });
      code = exitCodes.REFUSED;
    }
  }
  return code;
}

function readReason(text: string): string {
  if ([...text].length > 2_000) throw new InvalidArgumentError('It must have at most 2000 characters.');
  return text;
}
