import { InvalidArgumentError } from '@commander-js/extra-typings';

const most = 1_000;
const longest = 255;

/** Reads the key of an assessment; for the arguments of commander. */
export function assessmentId(text: string): string {
  const { length } = [...text];
  if (length === 0 || length > longest) throw new InvalidArgumentError(`It must have 1 to ${longest} characters.`);
  return text;
}

/** Reads one of several keys. */
export function assessmentIds(text: string, before: string[] = []): string[] {
  if (before.length >= most) throw new InvalidArgumentError(`At most ${most} assessments may be named.`);
  return [...before, assessmentId(text)];
}
