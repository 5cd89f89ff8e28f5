import type { AssessmentStats, QueueStatus } from '../../store/index.ts';
import { oneOf, types } from '../choice.ts';
import { durationInWords } from '../duration.ts';
import { exitCodes } from '../exit-codes.ts';
import { examples, type Program } from '../globals.ts';
import type { Output } from '../output.ts';
import { printable } from '../printable.ts';
import { runAsking } from '../session.ts';
import { tableOf } from '../table.ts';
import { wholeNumber } from '../whole-number.ts';

export const addStats = (program: Program) =>
  program
    .command('stats')
    .description('show counts, times and rates, and how the queue stands')
    .option('--window <minutes>', 'how far back times and rates reach, 1 to 1440', wholeNumber(1, 1_440), 60)
    .option('--type <type>', 'counts only of this type: compliance, health or security', oneOf(...types))
    .option('--server <name>', 'counts only of this server')
    .addHelpText('after', examples('assessment-store stats', 'assessment-store stats --window 5 --json | jq .queue.depth'))
    .action(({ window, type, server }, command) =>
      runAsking(command.optsWithGlobals(), async ({ client, output, ask }) => {
        const query = { windowMinutes: window, ...(type && { type }), ...(server !== undefined && { serverName: server }) };
        const [stats, queue] = await ask((signal) => Promise.all([client.getAssessmentStats(query, signal), client.queueStatus(signal)]));
        if (output.json) await output.value({ stats, queue });
        else for (const line of linesOf(stats, queue, window, output)) await output.line(line);
        return exitCodes.DONE;
      }),
    );

function linesOf(stats: AssessmentStats, queue: QueueStatus, minutes: number, output: Output): string[] {
  const counts = ['pending', 'processing', 'completed', 'failed', 'cancelled', 'total'] as const;
  const block = (title: string, rows: readonly (readonly string[])[]): string[] =>
    rows.length === 0 ? [] : [output.paint('bold', title), ...tableOf(rows, output.width).map((line) => `  ${line}`)];
  return [
    ...block(
      'assessments',
      counts.map((name) => [name, String(stats[name])]),
    ),
    ...block(`the last ${minutes} minutes`, [
      ['ended per minute', stats.throughputPerMinute.toFixed(2)],
      ['failed', `${(stats.errorRate * 100).toFixed(1)} %`],
      ['average time', time(stats.averageProcessingTimeMs)],
      ['p50, p95, p99', [stats.p50ProcessingTimeMs, stats.p95ProcessingTimeMs, stats.p99ProcessingTimeMs].map(time).join(', ')],
      ['oldest pending', time(stats.oldestPendingAgeMs)],
    ]),
    ...block('queue', [
      ['ready', String(queue.ready)],
      ['waits for a retry', String(queue.scheduled)],
      ['processing', String(queue.processing)],
      ...queue.byPriority.map(({ priority, ready, oldestAgeMs }) => [
        `priority ${priority}`,
        `${ready} ready, the oldest for ${durationInWords(oldestAgeMs)}`,
      ]),
    ]),
    ...block(
      'workers',
      queue.workers.map(({ workerId, processing, lastSeenAt }) => [
        printable(workerId),
        `${processing} held`,
        `seen ${lastSeenAt.toISOString()}`,
      ]),
    ),
  ];
}

const time = (ms: number | null): string => (ms === null ? '-' : durationInWords(ms));
