import type { FeedUpdateView } from '../../store/index.ts';
import { isTerminal } from '../../store/lifecycle.ts';
import { assessmentIds } from '../assessment-ids.ts';
import type { Bars } from '../bars.ts';
import { TimeUpError } from '../errors.ts';
import { exitCodes, exitCodesHelp } from '../exit-codes.ts';
import { filterOf, filterOptions, type Picked } from '../filter-options.ts';
import { follow, reach } from '../follow.ts';
import { barsFollower, changesFollower, printUpdate, withBars } from '../followers.ts';
import { examples, type Program } from '../globals.ts';
import { runWaiting, type Session } from '../session.ts';
import { lineOf } from '../words.ts';

export const addWatch = (program: Program) =>
  program
    .command('watch')
    .description('show changes as they happen: of these assessments until they have ended, or of all that match until Ctrl-C')
    .argument('[ids...]', 'the assessments; without any, all that match', assessmentIds)
    .addOption(filterOptions.state)
    .addOption(filterOptions.type)
    .addOption(filterOptions.source)
    .addOption(filterOptions.server)
    .addOption(filterOptions.idPrefix)
    .addOption(filterOptions.since)
    .option('--after <cursor>', 'first all that has changed since this place, as an earlier watch gave it; 0: all there is')
    .addHelpText(
      'after',
      examples(
        'assessment-store watch a-1 a-2',
        'assessment-store watch --type security',
        'assessment-store watch --state failed --json | jq -r .assessment.errorMessage',
        'assessment-store watch --after 0 | head -n 20',
      ),
    )
    .addHelpText('after', `\n${exitCodesHelp}\n`)
    .action(async (ids, { after, ...picked }, command) => {
      if (ids.length > 0 && (after !== undefined || Object.keys(picked).length > 0))
        command.error('error: --after and what picks assessments go without ids only', { exitCode: exitCodes.USAGE });
      await runWaiting(command.optsWithGlobals(), (session) =>
        ids.length > 0 ? watchThese(ids, session) : watchAll(picked, after, session),
      );
    });

const watchThese = (ids: readonly string[], session: Session): Promise<number> =>
  session.output.live
    ? withBars(session.output, (bars) => follow(ids, session, barsFollower(bars, session.output)))
    : follow(ids, session, changesFollower(session.output));

const watchAll = (picked: Picked, after: string | undefined, session: Session): Promise<number> => {
  const { output } = session;
  return output.live
    ? withBars(output, (bars) => readFeed(picked, after, session, (update) => draw(update, picked, bars, session)))
    : readFeed(picked, after, session, (update) => printUpdate(update, output));
};

/** Reads the feed until the command is ended, and says from where another can go on. */
async function readFeed(
  picked: Picked,
  after: string | undefined,
  session: Session,
  show: (update: FeedUpdateView) => void | Promise<void>,
) {
  const { client, output, signal } = session;
  const where = filterOf(picked);
  await reach(session);
  let cursor = after;
  try {
    for await (const update of client.feed({ ...(where && { where }), ...(after !== undefined && { after }) }, signal)) {
      await show(update);
      cursor = update.cursor;
    }
    signal.throwIfAborted();
    throw new Error('the service ended the feed');
  } catch (error) {
    if (signal.aborted && cursor !== undefined) output.note(`to go on from here: --after ${cursor}`);
    if (error instanceof TimeUpError) return exitCodes.DONE;
    throw error;
  }
}

/** A bar for what is under way; a line for what has ended, or does not match any more. */
function draw({ assessment }: FeedUpdateView, { state }: Picked, bars: Bars, { output }: Session): void {
  const over = isTerminal(assessment.state) || (state !== undefined && !state.includes(assessment.state));
  if (over) bars.remove(assessment.assessmentId, lineOf(assessment, output));
  else bars.show({ ...assessment, message: assessment.message ?? assessment.errorMessage });
}
