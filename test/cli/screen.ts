import xterm from '@xterm/headless';

/** What a terminal of 80 columns and 24 rows shows after this was written to it, line by line with what has scrolled out of it. */
export async function screenOf(written: string): Promise<string[]> {
  const terminal = new xterm.Terminal({ cols: 80, rows: 24, scrollback: 2_000, allowProposedApi: true });
  await new Promise<void>((resolve) => terminal.write(written, resolve));
  const { active } = terminal.buffer;
  const lines = Array.from({ length: active.length }, (_, index) => active.getLine(index)?.translateToString(true) ?? '');
  terminal.dispose();
  return lines.slice(0, lines.findLastIndex((line) => line !== '') + 1);
}

/** Whether the cursor can be seen at the end of what was written. */
export const showsCursor = (written: string): boolean => written.lastIndexOf('\u001b[?25h') >= written.lastIndexOf('\u001b[?25l');
