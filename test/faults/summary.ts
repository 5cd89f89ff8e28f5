import type { Flaw } from './flaw.ts';
import type { Outcome } from './run.ts';
import type { Settings } from './settings.ts';

const flawsShown = 30;

/** Everything that a run was not to show, in sentences; none: it has held. */
export function breachesOf({ checked, driver, deaths, hasSettled }: Outcome): string[] {
  return [
    ...checked.flaws.slice(0, flawsShown).map(sentenceOf),
    ...(checked.flaws.length > flawsShown ? [`… and ${checked.flaws.length - flawsShown} more`] : []),
    ...Object.entries(driver.wrong).map(([what, times]) => `a writer was answered, ${times} times: ${what}`),
    ...deaths,
    ...(hasSettled ? [] : ['not every subscriber had what it came for in time']),
  ];
}

/** The run in a few lines. */
export function summaryOf({ seed, updatesPerSecond }: Settings, outcome: Outcome): string[] {
  const { driver, crowds, outages, checked, settledMs } = outcome;
  const perSecond = driver.perSecond.toSorted((a, b) => a - b);
  const sum = (of: (crowd: (typeof crowds)[number]) => number): number => crowds.reduce((total, crowd) => total + of(crowd), 0);
  const many = (count: number): string => Math.round(count).toLocaleString('en-US');
  return [
    `seed         SEED=${seed}`,
    `updates      ${many(driver.updates)} reports of progress in ${perSecond.length} s: ${many(driver.updates / perSecond.length)} a second (median ${many(perSecond[perSecond.length >> 1] ?? 0)}, best ${many(perSecond.at(-1) ?? 0)}; aimed at ${many(updatesPerSecond)}); ${many(driver.commands)} other changes`,
    `writers      ${many(driver.batches)} batches, sent again ${many(driver.repeats)} times; ${many(driver.answersLost)} reports had been carried out although the answer was lost`,
    `subscribers  ${many(checked.waiters)} waiters and ${many(checked.feeds)} feeds, ${many(sum(({ subscribers }) => subscribers))} places; ${many(checked.pieces)} pieces; ${many(checked.updates)} updates received`,
    `sockets      ${many(sum(({ sockets }) => sockets))} opened, ${many(sum(({ stalls }) => stalls))} stalls, ${many(sum(({ cuts }) => cuts))} cut off; closed with ${closesOf(crowds)}`,
    ...outages.map(
      ({ what, brokenAtMs, backAtMs }) =>
        `fault        ${what}, ${(brokenAtMs / 1_000).toFixed(1)} s to ${(backAtMs / 1_000).toFixed(1)} s`,
    ),
    `settled      ${(settledMs / 1_000).toFixed(1)} s after the last change`,
    `audit trail  ${many(checked.changes)} changes of ${many(checked.assessments)} assessments`,
    `checker      ${checked.flaws.length === 0 ? 'no flaw' : `${many(checked.flaws.length)} FLAWS`}`,
  ];
}

function closesOf(crowds: Outcome['crowds']): string {
  const all = new Map<string, number>();
  for (const [code, times] of crowds.flatMap(({ closes }) => Object.entries(closes))) all.set(code, (all.get(code) ?? 0) + times);
  return [...all].map(([code, times]) => `${code} (${times})`).join(', ') || 'nothing';
}

const sentenceOf = ({ subscriber, piece, assessmentId, version, flaw }: Flaw): string =>
  `${subscriber}${piece === null ? '' : `, piece ${piece}`}: ${assessmentId === null ? '' : `${assessmentId} `}${version === null ? '' : `version ${version} `}${flaw}`;
