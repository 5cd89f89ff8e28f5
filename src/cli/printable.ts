/** What a terminal would obey, or what makes text look like other text: controls (C0, DEL, C1), line separators, marks that turn the direction. */
const unsafe = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** Text of strangers on one line of a terminal: what would control it is escaped as in JSON. */
export const printable = (text: string): string => text.replaceAll(unsafe, escaped).toWellFormed();

/**
 * A value as JSON that is safe to print: JSON.stringify escapes a part of what {@link printable} does, and the rest can only stand in strings,
 * where its escape means the same. On several lines with `indent`.
 */
export function jsonText(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, undefined, indent);
  return indent === undefined ? printable(text) : text.split('\n').map(printable).join('\n');
}
