import { styleText } from 'node:util';
import { type Verdict, weightOf } from '../src/checks/finding.ts';
import type { Findings } from './findings.ts';

const looks = {
  pass: { mark: '✔', colour: 'green' },
  warn: { mark: '!', colour: 'yellow' },
  fail: { mark: '✘', colour: 'red' },
} as const;

/** An outcome with its mark and its colour. */
export const shownOutcome = (outcome: Verdict): string => styleText(looks[outcome].colour, `${looks[outcome].mark} ${outcome}`);

/** Text that a stranger's server had a part in, without what could control a terminal. */
export const printable = (text: string): string => text.replace(/\p{Cc}/gu, '\ufffd');

/** The findings that count as a table, a line for each and more where the evidence needs them. */
export function tableOf(findings: Findings['findings'], columns: number): string {
  const shown = findings.filter(({ outcome, severity }) => outcome !== 'not-applicable' && severity !== 'info');
  const nameWidth = Math.max(...shown.map(({ id }) => id.length), 'check'.length);
  const indent = ' '.repeat(2 + nameWidth + 2 + 'x pass'.length + 2);
  const detailWidth = Math.max(30, columns - indent.length - 1);
  const rows = shown.map(({ id, evidence, ...finding }) => {
    const [first, ...rest] = wrapped(printable(evidence), detailWidth);
    return [`  ${id.padEnd(nameWidth)}  ${shownOutcome(weightOf(finding))}  ${first}`, ...rest.map((line) => indent + line)].join('\n');
  });
  const rule = `  ${'─'.repeat(nameWidth)}  ${'─'.repeat(6)}  ${'─'.repeat(Math.min(detailWidth, 44))}`;
  const head = `  ${'check'.padEnd(nameWidth)}  ${'result'}  detail`;
  return [styleText('bold', head), styleText('dim', rule), ...rows].join('\n');
}

/** Breaks at spaces; a word that is longer than a line stays whole. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
