/** The value below which the part `p` (0 to 1) of the values lies; undefined when there are none. */
export function quantile(values: readonly number[], p: number): number | undefined {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))];
}

/** A number for people: with thousands separated, and one digit after the point when it is small. */
export const shown = (value: number | undefined, unit = ''): string =>
  value === undefined
    ? '-'
    : `${value.toLocaleString('en-US', { minimumFractionDigits: value < 100 ? 1 : 0, maximumFractionDigits: value < 100 ? 1 : 0 })}${unit}`;

/** Prints rows of texts as a table, the first row being its head; the first column to the left, the others to the right. */
export function printTable(rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of rows)
    console.log(
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('   ')
        .trimEnd(),
    );
}
