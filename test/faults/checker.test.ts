import { expect, test } from 'vitest';
import { encodePlace } from '../../src/store/log-place.ts';
import { Checker } from './checker.ts';
import type { Line, SeenLine } from './line.ts';
import { isSelected, type Selection } from './selection.ts';
import { Trail, type TrailEntry } from './trail.ts';

const startedAt = 1_000;

/** Each change in a transaction of its own, a millisecond after the one before; the changes of the two assessments by turns. */
const lifeOf = (assessmentId: string, serverName: string, offset: number): TrailEntry[] =>
  (
    [
      ['CREATED', 'PENDING', 0, 0],
      ['STARTED', 'PROCESSING', 0, 0],
      ['PROGRESS', 'PROCESSING', 10, 0],
      ['FAILED', 'FAILED', 10, 0],
      ['RETRIED', 'PENDING', 0, 1],
      ['STARTED', 'PROCESSING', 0, 1],
      ['PROGRESS', 'PROCESSING', 50, 1],
      ['COMPLETED', 'COMPLETED', 100, 1],
    ] as const
  ).map(([kind, state, progress, retryCount], index) => {
    const order = 2 * index + offset;
    return {
      ...{ assessmentId, serverName, kind, state, progress, retryCount },
      version: index + 1,
      txid: BigInt(100 + order),
      at: startedAt + order,
    };
  });
const entries = [...lifeOf('one', 'server-1', 0), ...lifeOf('two', 'server-2', 1)];
const inOrder = entries.toSorted((a, b) => a.at - b.at);

const seen = (subscriber: string, { assessmentId, version, state, kind, progress, at }: TrailEntry, cursor: string | null): SeenLine => ({
  ...{ type: 'SEEN', subscriber, piece: 1, cursor, assessmentId, version, state, kind, progress, at },
});

/** A feed without flaw, in pieces of three updates. */
function feedOf(follows: Selection, after: string | null, shown: readonly TrailEntry[]): Line[] {
  const lines: Line[] = [{ type: 'JOINED', subscriber: 'feed', interest: { follows } }];
  for (let piece = 1; (piece - 1) * 3 < shown.length; piece += 1) {
    const from = (piece - 1) * 3;
    lines.push({ type: 'BEGUN', subscriber: 'feed', piece, after: piece === 1 ? after : `cursor ${from - 1}` });
    lines.push(...shown.slice(from, from + 3).map((entry, index) => ({ ...seen('feed', entry, `cursor ${from + index}`), piece })));
    lines.push({ type: 'ENDED', subscriber: 'feed', piece, how: 'LEFT', why: null });
  }
  return lines;
}

/** One that waits from version 2 on, in two pieces, until it learns that the first try has failed. */
const waiter = (): Line[] => {
  const [, started, progressed, failed] = entries as [TrailEntry, TrailEntry, TrailEntry, TrailEntry];
  return [
    { type: 'JOINED', subscriber: 'waiter', interest: { waitsFor: 'one' } },
    { type: 'BEGUN', subscriber: 'waiter', piece: 1, after: null },
    { ...seen('waiter', started, null), kind: 'SNAPSHOT' },
    seen('waiter', progressed, null),
    { type: 'ENDED', subscriber: 'waiter', piece: 1, how: 'BROKEN', why: '1006' },
    { type: 'BEGUN', subscriber: 'waiter', piece: 2, after: 3 },
    { ...seen('waiter', failed, null), piece: 2 },
    { type: 'ENDED', subscriber: 'waiter', piece: 2, how: 'COMPLETED', why: null },
  ];
};

function flawsOf(lines: readonly Line[], trail: readonly TrailEntry[] = entries, subscribers = 1): string[] {
  const checker = new Checker(new Trail(trail));
  for (const line of lines) checker.take(line);
  return checker
    .verdict(subscribers)
    .flaws.map(({ assessmentId, version, flaw }) => [assessmentId, version, flaw].filter((part) => part !== null).join(' '));
}

const shownBy = (selection: Selection): TrailEntry[] =>
  inOrder.filter((entry) => {
    const before = entries.find(({ assessmentId, version }) => assessmentId === entry.assessmentId && version === entry.version - 1);
    return isSelected(selection, entry) || (before !== undefined && isSelected(selection, before));
  });

const selections: Selection[] = [
  { by: 'ALL' },
  { by: 'IDS', assessmentIds: ['two'] },
  { by: 'SERVER', serverName: 'server-1' },
  { by: 'STATES', states: ['FAILED', 'COMPLETED'] },
  { by: 'NOT_PROCESSING', serverNames: 'server' },
  { by: 'PROGRESS', serverName: 'server-2', from: 10, to: 60 },
  { by: 'RETRIED_OR_NEW', serverNames: '1' },
];

const seenLines = (lines: readonly Line[]): number[] => lines.flatMap((line, index) => (line.type === 'SEEN' ? [index] : []));

test.each(selections)('a feed of $by without flaw has none; each update that is dropped, doubled or false is one', (selection) => {
  const lines = feedOf(selection, '0', shownBy(selection));
  expect(flawsOf(lines)).toEqual([]);
  expect(seenLines(lines).length).toBeGreaterThan(2);
  for (const index of seenLines(lines)) {
    const line = lines[index] as SeenLine;
    const { assessmentId, version } = line;
    expect(flawsOf(lines.toSpliced(index, 1))).toContain(`${assessmentId} ${version} is missing`);
    expect(flawsOf(lines.toSpliced(index, 0, line))).toContain(`${assessmentId} ${version} came twice`);
    expect(flawsOf(lines.with(index, { ...line, progress: 1 }))).toEqual([
      expect.stringMatching(`${assessmentId} ${version} came as .*, which the audit trail does not have`),
    ]);
    expect(flawsOf(lines.with(index, { ...line, version: 99 }))).toContain(
      `${assessmentId} 99 came, but is none that the feed should show`,
    );
  }
});

test('two updates of an assessment that change places are a flaw, within a piece and across pieces; of two assessments they are none', () => {
  const lines = feedOf({ by: 'ALL' }, '0', inOrder);
  const order = seenLines(lines);
  for (const [place, index] of order.entries()) {
    const other = order.find(
      (later, at) => at > place && (lines[later] as SeenLine).assessmentId === (lines[index] as SeenLine).assessmentId,
    );
    if (other === undefined) continue;
    const swapped = lines.with(index, atPlaceOf(lines[other], lines[index])).with(other, atPlaceOf(lines[index], lines[other]));
    expect(flawsOf(swapped)).toContainEqual(expect.stringMatching(/ came after version \d/));
  }
  const [first = 0, second = 0] = order;
  expect(flawsOf(lines.with(first, atPlaceOf(lines[second], lines[first])).with(second, atPlaceOf(lines[first], lines[second])))).toEqual(
    [],
  );
});

/** An update in the place of another: it takes over its piece and cursor. */
function atPlaceOf(update: Line | undefined, place: Line | undefined): Line {
  const { piece, cursor } = place as SeenLine;
  return { ...(update as SeenLine), piece, cursor };
}

test('what a filter does not select is a flaw', () => {
  const lines = feedOf({ by: 'IDS', assessmentIds: ['two'] }, '0', inOrder);
  expect(flawsOf(lines)).toContain('one 1 came, but is none that the feed should show');
});

test('a feed that began with a cursor holds exactly what was not settled at it', () => {
  // 105 had not committed yet, although 106 had.
  const point = { xmax: 107n, running: [105n] };
  const after = encodePlace({ epoch: 1, from: point, to: point, seq: 0n });
  const rest = inOrder.filter(({ txid }) => txid >= 107n || txid === 105n);
  expect(flawsOf(feedOf({ by: 'ALL' }, after, rest))).toEqual([]);
  expect(flawsOf(feedOf({ by: 'ALL' }, after, rest.slice(1)))).toEqual(['two 3 is missing']);
  expect(
    flawsOf(
      feedOf(
        { by: 'ALL' },
        after,
        inOrder.filter(({ txid }) => txid >= 105n),
      ),
    ),
  ).toEqual(['one 4 came, but is none that the feed should show']);
});

test('a feed that began now may lack what was before its first update, and nothing after it', () => {
  const rest = inOrder.slice(6);
  expect(flawsOf(feedOf({ by: 'ALL' }, null, rest))).toEqual([]);
  for (let index = 1; index < rest.length; index += 1)
    expect(flawsOf(feedOf({ by: 'ALL' }, null, rest.toSpliced(index, 1)))).toHaveLength(1);
  expect(flawsOf(feedOf({ by: 'ALL' }, null, []))).toEqual([]);
});

test('a feed that was refused, completed, or did not go on where it was is a flaw', () => {
  const lines = feedOf({ by: 'ALL' }, '0', inOrder);
  expect(flawsOf([...lines, { type: 'ENDED', subscriber: 'feed', piece: 9, how: 'REFUSED', why: 'CURSOR_EXPIRED' }])).toEqual([
    'was refused: CURSOR_EXPIRED',
  ]);
  expect(flawsOf([...lines, { type: 'ENDED', subscriber: 'feed', piece: 9, how: 'COMPLETED', why: null }])).toEqual([
    'was completed, though a feed has no end',
  ]);
  const second = lines.findIndex((line) => line.type === 'BEGUN' && line.piece === 2);
  expect(flawsOf(lines.with(second, { type: 'BEGUN', subscriber: 'feed', piece: 2, after: '0' }))).toEqual([
    'did not go on from the cursor of the last update',
  ]);
});

test('a waiter may skip versions; it must not be left waiting, hear anything twice or out of order, nor pass over an end', () => {
  const lines = waiter();
  expect(flawsOf(lines)).toEqual([]);
  expect(flawsOf(lines.toSpliced(2, 1))).toEqual([]);
  expect(flawsOf(lines.slice(0, 6))).toEqual(['one 3 is left waiting; the last it was told is PROCESSING']);
  expect(flawsOf(lines.slice(0, 1))).toEqual(['one is left waiting; the last it was told is nothing']);
  expect(flawsOf(lines.slice(0, 7))).toEqual(['one was told of the end, but its subscription was not completed']);
  expect(flawsOf(lines.toSpliced(6, 1))).toContain('one was completed without having been told of an end');
  expect(flawsOf(lines.toSpliced(3, 0, lines[3] as Line))).toEqual(['one 3 came twice']);
  expect(flawsOf(lines.toSpliced(6, 0, lines[6] as Line))).toContain('one 4 came after the end');
  expect(flawsOf(lines.with(2, lines[3] as Line).with(3, seen('waiter', entries[1] as TrailEntry, null)))).toContain(
    'one 2 came after version 3',
  );
  expect(flawsOf(lines.with(6, { ...(lines[6] as SeenLine), ...entries[6], type: 'SEEN' }))).toContain(
    'one 7 came although the end at version 4 had not been told',
  );
  expect(flawsOf(lines.with(6, { ...(lines[6] as SeenLine), state: 'CANCELLED' }))).toEqual([
    'one 4 came as CANCELLED, which the audit trail does not have',
  ]);
  expect(flawsOf(lines.with(3, { ...(lines[3] as SeenLine), kind: 'STARTED' }))).toEqual(['one 3 came as STARTED, and was PROGRESS']);
});

test('an end that a later one had followed by the time of the reading may be passed over', () => {
  expect(flawsOf(waiter().with(6, { ...seen('waiter', entries[7] as TrailEntry, null), piece: 2 }))).toEqual([]);
});

test('a subscriber that is missing altogether, or of whom nobody knows, is a flaw', () => {
  expect(flawsOf(waiter(), entries, 2)).toEqual(['there are 1 subscribers and not 2']);
  expect(flawsOf(waiter().slice(1), entries, 0)).toContain('has lines, and has never joined');
  expect(flawsOf([...waiter(), ...waiter()])).toContain('has joined twice');
});
