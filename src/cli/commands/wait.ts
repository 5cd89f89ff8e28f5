import { assessmentIds } from '../assessment-ids.ts';
import { awaitEnds } from '../await-ends.ts';
import { exitCodesHelp } from '../exit-codes.ts';
import { examples, type Program } from '../globals.ts';
import { runWaiting } from '../session.ts';

export const addWait = (program: Program) =>
  program
    .command('wait')
    .description('wait until assessments have ended; the exit code says how')
    .argument('<ids...>', 'the assessments', assessmentIds)
    .addHelpText(
      'after',
      examples(
        'assessment-store wait nightly-17',
        'assessment-store wait a-1 a-2 a-3 --timeout 10m',
        'assessment-store wait a-1 --json | jq .resultData',
      ),
    )
    .addHelpText('after', `\n${exitCodesHelp}\n`)
    .action((ids, _, command) => runWaiting(command.optsWithGlobals(), (session) => awaitEnds(ids, session)));
