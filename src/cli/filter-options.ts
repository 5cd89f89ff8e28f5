import { InvalidArgumentError, Option } from '@commander-js/extra-typings';
import type { AssessmentFilter } from '../store/index.ts';
import { assessmentStates } from '../store/lifecycle.ts';
import { someOf, sources, types } from './choice.ts';
import { millisecondsOf } from './duration.ts';

/** The options by which assessments are picked, for the commands that show many. */
export const filterOptions = {
  state: new Option('--state <states>', 'only these, separated by commas: pending, processing, completed, failed, cancelled').argParser(
    someOf(...assessmentStates),
  ),
  type: new Option('--type <types>', 'only these: compliance, health, security').argParser(someOf(...types)),
  source: new Option('--source <sources>', 'only these: installer, compliance, api').argParser(someOf(...sources)),
  server: new Option('--server <name>', 'only of this server'),
  idPrefix: new Option('--id-prefix <text>', 'only those whose id begins so'),
  since: new Option('--since <time>', 'only those created since: a duration ago (2h), or a time (2026-05-04T12:00:00Z)').argParser(
    readSince,
  ),
};

/** What {@link filterOptions} gave. */
export interface Picked {
  readonly state?: (typeof assessmentStates)[number][];
  readonly type?: (typeof types)[number][];
  readonly source?: (typeof sources)[number][];
  readonly server?: string;
  readonly idPrefix?: string;
  readonly since?: Date;
}

/** The filter of the API for what was picked; undefined when that is all. */
export function filterOf({ state, type, source, server, idPrefix, since }: Picked): AssessmentFilter | undefined {
  const where: AssessmentFilter = {
    ...(state && { state: { in: state } }),
    ...(type && { type: { in: type } }),
    ...(source && { source: { in: source } }),
    ...(server !== undefined && { serverName: { eq: server } }),
    ...(idPrefix !== undefined && { assessmentId: { startsWith: idPrefix } }),
    ...(since && { createdAt: { gte: since } }),
  };
  return Object.keys(where).length > 0 ? where : undefined;
}

function readSince(text: string): Date {
  const time = text.includes('-') ? timeOf(text) : Date.now() - agoOf(text);
  if (time >= 0) return new Date(time);
  throw new InvalidArgumentError('It must be a duration such as 2h, or a time such as 2026-05-04 or 2026-05-04T12:00:00Z, from 1970 on.');
}

const timeOf = (text: string): number => (/^\d{4}-\d{2}-\d{2}(T|$)/.test(text) ? Date.parse(text) : Number.NaN);
// A number alone could be a year as well as seconds.
const agoOf = (text: string): number => (/[a-z]$/.test(text) ? (millisecondsOf(text) ?? Number.NaN) : Number.NaN);
