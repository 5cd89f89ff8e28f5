import cliTruncate from 'cli-truncate';
import stringWidth from 'string-width';

/** Pads to a width in columns of a terminal, where some characters take two and some none. */
export const padded = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - stringWidth(text)));

/**
 * Rows below each other, their columns as wide as their widest cell. The last column is cut off where a row would be wider than `width`, and so are
 * other columns that are wider than half of it.
 */
export function tableOf(rows: readonly (readonly string[])[], width = Number.POSITIVE_INFINITY): string[] {
  const most = width === Number.POSITIVE_INFINITY ? width : Math.max(8, Math.floor(width / 2));
  const widths = (rows[0] ?? []).map((_, column) => Math.min(most, Math.max(...rows.map((row) => stringWidth(row[column] ?? '')))));
  const cell = (text: string, column: number): string => padded(cut(text, widths[column] ?? 0), widths[column] ?? 0);
  return rows.map((row) => cut(row.map(cell).join('  ').trimEnd(), width));
}

/** The text, with … in place of what would be beyond the width. */
export const cut = (text: string, width: number): string => (width === Number.POSITIVE_INFINITY ? text : cliTruncate(text, width));
