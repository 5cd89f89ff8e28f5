import { InvalidArgumentError } from '@commander-js/extra-typings';

const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
/** The longest that a timer can run, and that the API takes, in milliseconds. */
const mostMs = 2_147_483_647;

/** Reads 500ms, 30s, 5m, 2h or 1d as milliseconds; a number alone is seconds. For the options of commander. */
export function readDuration(text: string): number {
  const ms = millisecondsOf(text) ?? Number.NaN;
  if (ms >= 1 && ms <= mostMs) return ms;
  throw new InvalidArgumentError('It must be a time such as 500ms, 30s, 5m, 2h or 1d, from 1ms to 24d; a number alone is seconds.');
}

/** The milliseconds of a text such as 2h, however many; undefined for another text. */
export function millisecondsOf(text: string): number | undefined {
  const [, number, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|[smhd])?$/.exec(text) ?? [];
  return number === undefined ? undefined : Math.round(Number(number) * units[unit as keyof typeof units]);
}

/** A duration for people: 850 ms, 3.2 s, 5 m 20 s, 2 h 3 m, 4 d 1 h. */
export function durationInWords(ms: number): string {
  if (ms < 999.5) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 59_950) return `${(ms / units.s).toFixed(1)} s`;
  const seconds = Math.round(ms / units.s);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} m ${seconds % 60} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1_440) return `${Math.floor(minutes / 60)} h ${minutes % 60} m`;
  return `${Math.floor(minutes / 1_440)} d ${Math.floor((minutes % 1_440) / 60)} h`;
}
