import type { AssessmentData, AssessmentView, AuditEntryView } from '../../store/index.ts';
import { assessmentId } from '../assessment-ids.ts';
import { durationInWords } from '../duration.ts';
import { exitCodes } from '../exit-codes.ts';
import { examples, type Program } from '../globals.ts';
import type { Output } from '../output.ts';
import { jsonText, printable } from '../printable.ts';
import { runAsking, type Session } from '../session.ts';
import { tableOf } from '../table.ts';
import { wholeNumber } from '../whole-number.ts';
import { lineOf, stateInColour } from '../words.ts';

/** Most that the API gives at a time. */
const pageSize = 100;

export const addShow = (program: Program) =>
  program
    .command('show')
    .description('show an assessment: how it stands, its history, its request and its result')
    .argument('<id>', 'the assessment', assessmentId)
    .option('--history <number>', 'how many changes at most, the newest; 0 to 100000', wholeNumber(0, 100_000), 50)
    .addHelpText('after', examples('assessment-store show nightly-17', 'assessment-store show nightly-17 --json | jq .resultData.verdict'))
    .action((id, { history }, command) =>
      runAsking(command.optsWithGlobals(), async (session) => {
        const { client, output, ask } = session;
        const assessment = await ask((signal) => client.getState(id, signal));
        const { entries, more } = await historyOf(id, history, session);
        if (output.json) await output.value({ ...assessment, auditTrail: entries });
        else
          for (const line of [...factsOf(assessment, output), ...timelineOf(entries, more, output), ...bodiesOf(assessment, output)])
            await output.line(line);
        return exitCodes.DONE;
      }),
    );

/** The newest changes, the oldest of them first, and whether there are older ones. */
async function historyOf(id: string, most: number, { client, ask }: Session): Promise<{ entries: AuditEntryView[]; more: boolean }> {
  const entries: AuditEntryView[] = [];
  let before: string | undefined;
  for (let more = true; more; ) {
    const last = Math.min(pageSize, most - entries.length);
    if (last <= 0) return { entries, more };
    const page = await ask((signal) => client.auditTrail(id, { last, before }, signal));
    entries.unshift(...page.items.map(({ node }) => node));
    more = page.hasPreviousPage;
    before = page.items[0]?.cursor;
  }
  return { entries, more: false };
}

function factsOf(assessment: AssessmentView, output: Output): string[] {
  const { type, source, serverName, priority, version, retryCount, maxRetries, timeoutMs, claimedBy, claimExpiresAt } = assessment;
  const facts: [string, string][] = [
    ['type', `${type}, from ${source}`],
    ['server', printable(serverName ?? '-')],
    ['priority', String(priority)],
    ['version', String(version)],
    ['retries', `${retryCount} of ${maxRetries}`],
    ['attempt timeout', timeoutMs === null ? '-' : durationInWords(timeoutMs)],
    ['created', assessment.createdAt.toISOString()],
    ['started', assessment.startedAt?.toISOString() ?? '-'],
    ['completed', assessment.completedAt?.toISOString() ?? '-'],
    ['held by', claimedBy === null ? '-' : `${printable(claimedBy)}, until ${claimExpiresAt?.toISOString() ?? '?'}`],
  ];
  const width = Math.max(...facts.map(([name]) => name.length));
  return [lineOf(assessment, output), ...facts.map(([name, value]) => `  ${output.paint('dim', name.padEnd(width))}  ${value}`)];
}

function timelineOf(entries: readonly AuditEntryView[], more: boolean, output: Output): string[] {
  if (entries.length === 0) return [];
  const rows = entries.map((entry, index) => {
    const before = entries[index - 1];
    return [
      output.paint('dim', entry.createdAt.toISOString()),
      before === undefined ? '' : `+${durationInWords(entry.createdAt.getTime() - before.createdAt.getTime())}`,
      `v${entry.versionTo}`,
      entry.oldState === entry.newState ? `${entry.progress} %` : stateInColour(entry.newState, output),
      `by ${printable(entry.changedBy)}`,
      printable(entry.changeReason ?? ''),
    ];
  });
  const older = more ? [output.paint('dim', '  … and older changes: --history <number> shows more')] : [];
  return [
    '',
    output.paint('bold', 'history'),
    ...older,
    ...tableOf(rows, output.width === undefined ? undefined : output.width - 2).map((line) => `  ${line}`),
  ];
}

const bodiesOf = ({ requestData, resultData }: AssessmentData, output: Output): string[] => [
  ...['', output.paint('bold', 'request'), jsonText(requestData, 2)],
  ...(resultData === null ? [] : ['', output.paint('bold', 'result'), jsonText(resultData, 2)]),
];
