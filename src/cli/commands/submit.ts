import type { CreateAssessment } from '../../store/index.ts';
import { assessmentId } from '../assessment-ids.ts';
import { awaitEnds } from '../await-ends.ts';
import { oneOf, sources, types } from '../choice.ts';
import { readDuration } from '../duration.ts';
import { exitCodes, exitCodesHelp } from '../exit-codes.ts';
import { examples, type Globals, type Program } from '../globals.ts';
import { readJsonObject } from '../json-argument.ts';
import { printable } from '../printable.ts';
import { optionNames, requestOption } from '../request-options.ts';
import { runAsking, runWaiting, type Session } from '../session.ts';
import { wholeNumber } from '../whole-number.ts';

export const addSubmit = (program: Program) =>
  program
    .command('submit')
    .description('submit an assessment, and print its id')
    .requiredOption('--type <type>', 'compliance, health or security', oneOf(...types))
    .option('--server <name>', 'the server that it is about')
    .option('--id <id>', 'a key of your own; the same request with the same key again is the same assessment', assessmentId)
    .option('--priority <number>', '1 (most urgent) to 10', wholeNumber(1, 10))
    .option('--metadata <json>', 'more about the request, a JSON object: as text, @file, or @- for standard input')
    .option('--option <key=value>', `how it is to be done; may be repeated. Keys: ${optionNames}`, requestOption)
    .option('--attempt-timeout <duration>', 'longest time that one attempt may take', readDuration)
    .option('--max-retries <number>', 'how often a failed attempt is tried again, 0 to 1000', wholeNumber(0, 1_000))
    .option('--source <source>', 'where it comes from: installer, compliance or api', oneOf(...sources))
    .option('--wait', 'wait until it has ended, as the command wait does')
    .addHelpText(
      'after',
      examples(
        `assessment-store submit --type health --metadata '{"url":"http://127.0.0.1:4000/health/ready"}' --wait`,
        'assessment-store submit --type security --server web-1 --id web-1-nightly --priority 2 --max-retries 3',
        'assessment-store submit --type compliance --metadata @request.json --option deepScan=true --json',
      ),
    )
    .addHelpText('after', `\n${exitCodesHelp}\n`)
    .action(async (options, command) => {
      const globals: Globals = command.optsWithGlobals();
      const run = options.wait ? runWaiting : runAsking;
      const request = await requestOf(options);
      await run(globals, (session) => submit(request, session, options.wait ?? false));
    });

type Options = ReturnType<ReturnType<typeof addSubmit>['opts']>;

async function requestOf({ server, id, metadata, option, attemptTimeout, wait: _, ...same }: Options): Promise<CreateAssessment> {
  return {
    ...same,
    ...(id !== undefined && { assessmentId: id }),
    ...(server !== undefined && { serverName: server }),
    ...(option && { options: option }),
    ...(attemptTimeout !== undefined && { timeoutMs: attemptTimeout }),
    ...(metadata !== undefined && { metadata: await readJsonObject('--metadata', metadata) }),
  };
}

async function submit(request: CreateAssessment, session: Session, wait: boolean): Promise<number> {
  const { client, output, ask } = session;
  const { assessment, created } = await ask((signal) => client.createAssessment(request, signal));
  const { assessmentId } = assessment;
  if (!created) output.note(`${assessmentId} was there already, from the same request`);
  if (wait) {
    output.note(`submitted ${assessmentId}`);
    return awaitEnds([assessmentId], session);
  }
  await (output.json ? output.value({ created, assessment }) : output.line(printable(assessmentId)));
  return exitCodes.DONE;
}
