import { InvalidArgumentError } from '@commander-js/extra-typings';
import type { AssessmentOrder, AssessmentView, Connection, ListAssessments } from '../../store/index.ts';
import { exitCodes } from '../exit-codes.ts';
import { filterOf, filterOptions } from '../filter-options.ts';
import { examples, type Program } from '../globals.ts';
import type { Output } from '../output.ts';
import { printable } from '../printable.ts';
import { runAsking, type Session } from '../session.ts';
import { Table } from '../table.ts';
import { wholeNumber } from '../whole-number.ts';
import { stateInColour } from '../words.ts';

/** Most that the API gives at a time. */
const pageSize = 100;

export const addList = (program: Program) =>
  program
    .command('list')
    .description('list assessments, the newest first')
    .addOption(filterOptions.state)
    .addOption(filterOptions.type)
    .addOption(filterOptions.source)
    .addOption(filterOptions.server)
    .addOption(filterOptions.idPrefix)
    .addOption(filterOptions.since)
    .option('--search <words>', 'only those with these words in server, message, error or request; "a phrase", -word for its absence')
    .option('--sort <field>', 'created, updated, priority or progress, the highest first; with :asc the lowest', readOrder)
    .option('--limit <number>', 'how many at most, 1 to 100000', wholeNumber(1, 100_000), 20)
    .option('--after <cursor>', 'go on after this place, as an earlier list gave it')
    .option('--count', 'print only how many there are')
    .addHelpText(
      'after',
      examples(
        'assessment-store list --state pending,processing --sort priority:asc',
        'assessment-store list --server web-1 --since 24h --json | jq -r .assessmentId',
        'assessment-store list --search "certificate expired" --count',
      ),
    )
    .action((options, command) =>
      runAsking(command.optsWithGlobals(), async (session) => {
        const { search, sort, after, limit, count, ...picked } = options;
        const where = filterOf(picked);
        const matching = { ...(where && { where }), ...(search !== undefined && { search }) };
        if (count) return printCount(await session.ask((signal) => session.client.countAssessments(matching, signal)), session.output);
        return list({ ...matching, ...(sort && { orderBy: sort }), ...(after !== undefined && { after }) }, limit, session);
      }),
    );

async function printCount(count: number, output: Output): Promise<number> {
  await (output.json ? output.value({ count }) : output.line(String(count)));
  return exitCodes.DONE;
}

async function list(asked: ListAssessments, limit: number, session: Session): Promise<number> {
  const { output } = session;
  const table = new Table(output.width);
  let shown = 0;
  for await (const { items, hasNextPage } of pagesOf(asked, limit, session)) {
    const rows = items.map(({ node }) => cellsOf(node, output));
    if (output.json) for (const { node, cursor } of items) await output.value({ ...node, cursor });
    else if (rows.length > 0) for (const line of table.linesOf(shown === 0 ? [head, ...rows] : rows)) await output.line(line);
    shown += items.length;
    const last = items.at(-1);
    if (shown >= limit && hasNextPage && last !== undefined) output.note(`there are more: --after ${last.cursor}`);
  }
  if (shown === 0) output.note('there are none');
  return exitCodes.DONE;
}

/** Page after page until the limit is reached. */
async function* pagesOf(asked: ListAssessments, limit: number, { client, ask }: Session): AsyncGenerator<Connection<AssessmentView>> {
  let { after } = asked;
  for (let left = limit; left > 0; ) {
    const first = Math.min(left, pageSize);
    const page = await ask((signal) => client.listAssessments({ ...asked, first, after }, signal));
    yield page;
    left -= page.items.length;
    after = page.items.at(-1)?.cursor;
    if (!page.hasNextPage || after === undefined) return;
  }
}

const head = ['ID', 'TYPE', 'SERVER', 'STATE', 'DONE', 'PRIO', 'CREATED', 'MESSAGE'];

const cellsOf = (row: AssessmentView, output: Output): string[] => [
  printable(row.assessmentId),
  row.type,
  printable(row.serverName ?? '-'),
  stateInColour(row.state, output),
  `${row.progress} %`,
  String(row.priority),
  row.createdAt.toISOString(),
  printable(row.errorMessage ?? row.message ?? ''),
];

type OrderField = AssessmentOrder['field'];
const fields: Readonly<Record<string, OrderField>> = {
  created: 'CREATED_AT',
  updated: 'UPDATED_AT',
  priority: 'PRIORITY',
  progress: 'PROGRESS',
};

function readOrder(text: string): AssessmentOrder {
  const [, name = '', direction = 'desc'] = /^([a-z]+)(?::(asc|desc))?$/.exec(text) ?? [];
  const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (field === undefined)
    throw new InvalidArgumentError('It must be created, updated, priority or progress, with :asc or :desc after it if need be.');
  return { field, direction: direction === 'asc' ? 'ASC' : 'DESC' };
}
