import { InvalidArgumentError } from '@commander-js/extra-typings';
import type { CreateAssessment } from '../store/index.ts';

type RequestOptions = NonNullable<CreateAssessment['options']>;

/** What can be given as --option, and how its value is read. */
const kinds = {
  includeDetails: 'FLAG',
  generateReport: 'FLAG',
  saveResults: 'FLAG',
  checkServerStatus: 'FLAG',
  validateConfig: 'FLAG',
  checkCompliance: 'FLAG',
  deepScan: 'FLAG',
  serverFilter: 'NAMES',
  timeout: 'MILLISECONDS',
} as const satisfies Record<keyof RequestOptions, 'FLAG' | 'NAMES' | 'MILLISECONDS'>;

/** For --help. */
export const optionNames = Object.keys(kinds).join(', ');

/** Reads one key=value, and adds it to those before; for the options of commander. */
export function requestOption(text: string, before: RequestOptions = {}): RequestOptions {
  const at = text.indexOf('=');
  const key = text.slice(0, at);
  if (at < 1 || !Object.hasOwn(kinds, key)) throw new InvalidArgumentError(`It must be key=value; the keys are ${optionNames}.`);
  return { ...before, [key]: read(key, kinds[key as keyof typeof kinds], text.slice(at + 1)) };
}

function read(key: string, kind: (typeof kinds)[keyof typeof kinds], value: string): boolean | number | string[] {
  switch (kind) {
    case 'FLAG':
      if (value !== 'true' && value !== 'false') throw new InvalidArgumentError(`${key} must be true or false.`);
      return value === 'true';
    case 'NAMES':
      return value.split(',').filter((name) => name !== '');
    case 'MILLISECONDS':
      if (!/^\d{1,10}$/.test(value) || Number(value) > 2_147_483_647)
        throw new InvalidArgumentError(`${key} must be a whole number of milliseconds.`);
      return Number(value);
    default:
      return kind satisfies never;
  }
}
