import { styleText } from 'node:util';

/** Where it is drawn: standard output, for one. */
export interface Screen {
  readonly isTTY?: boolean;
  /** 0 where a terminal does not know. */
  readonly columns?: number;
  write(text: string): unknown;
}

const width = 24;
const margin = 4;

/** A progress bar: one line that is drawn again and again on a terminal, one line a change elsewhere. */
export class ProgressBar {
  readonly #screen: Screen;
  #shown = '';

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  /** Shows how far it is, 0 to 100, and what is being done. */
  show(percent: number, message: string): void {
    const line = `${String(percent).padStart(3)} %  ${message}`;
    if (line === this.#shown) return;
    this.#shown = line;
    this.#screen.write(this.#screen.isTTY ? `\r\x1b[K${this.#drawn(percent, line)}` : `  ${line}\n`);
  }

  /** Leaves the line as it is; what comes next goes below it. */
  end(): void {
    if (this.#screen.isTTY && this.#shown !== '') this.#screen.write('\n');
  }

  #drawn(percent: number, line: string): string {
    const filled = Math.round((percent / 100) * width);
    const bar = styleText('cyan', '█'.repeat(filled)) + styleText('dim', '░'.repeat(width - filled));
    // A line that wraps could not be drawn again.
    return `  ${bar} ${line.slice(0, Math.max(0, (this.#screen.columns || 80) - width - margin))}`;
  }
}
