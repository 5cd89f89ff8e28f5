import cliTruncate from 'cli-truncate';
import stringWidth from 'string-width';

/** Pads to a width in columns of a terminal, where some characters take two and some none. */
export const padded = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - stringWidth(text)));

/**
 * Rows below each other, their columns as wide as their widest cell. The last column is cut off where a row would be wider than `width`, and so are
 * other columns that are wider than half of it.
 */
export const tableOf = (rows: readonly (readonly string[])[], width?: number): string[] => new Table(width).linesOf(rows);

/** A table whose rows come in parts: its columns can only become wider from part to part. */
export class Table {
  readonly #width: number;
  #widths: readonly number[] = [];

  constructor(width = Number.POSITIVE_INFINITY) {
    this.#width = width;
  }

  /** The next rows, as lines. */
  linesOf(rows: readonly (readonly string[])[]): string[] {
    this.#widths = this.#widthsWith(rows);
    const cell = (text: string, column: number): string => padded(cut(text, this.#widths[column] ?? 0), this.#widths[column] ?? 0);
    return rows.map((row) => cut(row.map(cell).join('  ').trimEnd(), this.#width));
  }

  #widthsWith(rows: readonly (readonly string[])[]): number[] {
    const most = this.#width === Number.POSITIVE_INFINITY ? this.#width : Math.max(8, Math.floor(this.#width / 2));
    const widest = (column: number): number => Math.max(this.#widths[column] ?? 0, ...rows.map((row) => stringWidth(row[column] ?? '')));
    return (rows[0] ?? []).map((_, column) => Math.min(most, widest(column)));
  }
}

/** The text, with … in place of what would be beyond the width. */
export const cut = (text: string, width: number): string => (width === Number.POSITIVE_INFINITY ? text : cliTruncate(text, width));
