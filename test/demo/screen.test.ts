import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import type { Findings } from '../../demo/findings.ts';
import { ProgressBar } from '../../demo/progress-bar.ts';
import { tableOf } from '../../demo/report.ts';

function drawn(screen: { isTTY: boolean; columns?: number }): string[] {
  const written: string[] = [];
  const bar = new ProgressBar({ ...screen, write: (text) => written.push(text) });
  bar.show(0, 'pending');
  bar.show(50, 'half way, which takes some more words to say');
  bar.show(50, 'half way, which takes some more words to say');
  bar.end();
  return written;
}

test('on a terminal the bar is one line, drawn again with each change and never wider than the terminal', () => {
  const written = drawn({ isTTY: true, columns: 50 });
  for (const line of written.slice(0, 2)) expect(line.startsWith('\r\u001b[K')).toBe(true);
  expect(written.map(stripVTControlCharacters)).toEqual([
    `\r  ${'░'.repeat(24)}   0 %  pending`,
    `\r  ${'█'.repeat(12)}${'░'.repeat(12)}  50 %  half way, which`,
    '\n',
  ]);
});

test('a terminal that does not know its width counts as 80 columns', () => {
  expect(drawn({ isTTY: true, columns: 0 })[1]).toContain('half way, which takes some more words to say');
});

test('elsewhere it is a line for each change, with nothing to control a terminal', () => {
  expect(drawn({ isTTY: false })).toEqual(['    0 %  pending\n', '   50 %  half way, which takes some more words to say\n']);
});

test('the table stays within the width and breaks between words', () => {
  const found: Findings['findings'] = [
    { id: 'status', severity: 'high', outcome: 'pass', evidence: '200' },
    {
      ...{ id: 'security headers', severity: 'medium', outcome: 'fail' },
      evidence: '1 of 4; missing: content-security-policy, x-frame-options, referrer-policy',
    },
    { id: 'hsts', severity: 'medium', outcome: 'not-applicable', evidence: 'browsers heed it with https only' },
  ];
  expect(stripVTControlCharacters(tableOf(found, 72))).toBe(
    [
      '  check             result  detail',
      '  ────────────────  ──────  ───────────────────────────────────────────',
      '  status            ✔ pass  200',
      '  security headers  ! warn  1 of 4; missing: content-security-policy,',
      '                            x-frame-options, referrer-policy',
    ].join('\n'),
  );
});

test('what a server says of itself can not control the terminal', () => {
  const table = tableOf([{ id: 'banner-server', severity: 'low', outcome: 'pass', evidence: 'nginx\u001b[2J\u009b2J' }], 100);
  expect(stripVTControlCharacters(table)).toContain('nginx\ufffd[2J\ufffd2J');
});
