import { InvalidArgumentError } from '@commander-js/extra-typings';

/** Reads one of these words, in any case; for the options of commander. */
export const oneOf =
  <Choice extends string>(...choices: readonly Choice[]) =>
  (text: string): Choice => {
    const found = choices.find((choice) => choice.toLowerCase() === text.trim().toLowerCase());
    if (found === undefined) throw new InvalidArgumentError(`It must be ${listed(choices)}.`);
    return found;
  };

/** Reads one or more of these words, separated by commas; an option that is given again adds to what it was. */
export const someOf =
  <Choice extends string>(...choices: readonly Choice[]) =>
  (text: string, before: Choice[] = []): Choice[] => [...new Set([...before, ...text.split(',').map(oneOf(...choices))])];

const listed = (choices: readonly string[]): string => {
  const words = choices.map((choice) => choice.toLowerCase());
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
};

export const types = ['COMPLIANCE', 'HEALTH', 'SECURITY'] as const;
export const sources = ['INSTALLER', 'COMPLIANCE', 'API'] as const;
