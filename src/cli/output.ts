import { once } from 'node:events';
import { styleText } from 'node:util';
import { jsonText, printable } from './printable.ts';

/** Where a program writes: a terminal, a pipe or a file. */
export interface Stream extends NodeJS.EventEmitter {
  readonly isTTY?: boolean;
  /** 0 where a terminal does not know. */
  readonly columns?: number;
  readonly rows?: number;
  hasColors?(): boolean;
  /** False when the reader is behind; 'drain' follows. */
  write(text: string): boolean;
}

export interface OutputOptions {
  readonly stdout: Stream;
  readonly stderr: Stream;
  /** Values as JSON, one a line, in place of text for people. */
  readonly json: boolean;
  /** Nothing but what was asked for, and errors. */
  readonly quiet: boolean;
  /** False: no colours, whatever the terminal can do; it says itself whether it can, and whether NO_COLOR is set. */
  readonly color: boolean;
  /** What kind of terminal it is, as TERM has it. */
  readonly terminal?: string | undefined;
}

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** What is drawn at the bottom of the terminal, and has to step aside for lines. */
export interface Overlay {
  hide(): void;
  show(): void;
}

/**
 * What a command prints: its result on standard output, and what is to be said beside that on standard error. Data of the service goes through
 * `printable` first, by whoever puts the lines together.
 */
export class Output {
  readonly json: boolean;
  readonly quiet: boolean;
  /** Whether lines may be drawn again: a terminal that is not dumb, and that is not to have JSON. */
  readonly live: boolean;
  /** What is drawn below the lines at the moment. */
  overlay: Overlay | undefined;
  readonly #options: OutputOptions;
  /** Settles when there is room again; one for all lines that wait for it. */
  #room: Promise<unknown> | undefined;

  constructor(options: OutputOptions) {
    const { stdout, json, quiet, terminal } = options;
    this.#options = options;
    this.json = json;
    this.quiet = quiet;
    this.live = stdout.isTTY === true && terminal !== 'dumb' && !json && !quiet;
  }

  get stdout(): Stream {
    return this.#options.stdout;
  }

  /** How wide a line may be; undefined where it does not matter. */
  get width(): number | undefined {
    return this.stdout.isTTY ? this.stdout.columns || 80 : undefined;
  }

  /** A line of the result. Resolves when there is room for more: at once, or when the reader has read. */
  async line(text: string): Promise<void> {
    if (this.stdout.write(`${text}\n`)) return;
    this.#room ??= once(this.stdout, 'drain').finally(() => {
      this.#room = undefined;
    });
    await this.#room;
  }

  /** A value as one line of JSON. */
  value(value: unknown): Promise<void> {
    return this.line(jsonText(value));
  }

  /** Said beside the result; not when it is to be quiet. */
  note(text: string): void {
    if (!this.quiet) this.#say(this.json ? jsonText({ note: text }) : printable(text));
  }

  /** An error, that of one assessment among several for example. */
  error(text: string, fields: { readonly code?: string; readonly assessmentId?: string } = {}): void {
    const { stderr, json, color } = this.#options;
    const head = color && stderr.isTTY && stderr.hasColors?.() ? styleText('red', 'error:', { validateStream: false }) : 'error:';
    this.#say(json ? jsonText({ error: { ...fields, message: text } }) : `${head} ${text.split('\n').map(printable).join('\n')}`);
  }

  /** The text in a style, where standard output can show it. */
  paint(style: Style, text: string): string {
    const { stdout, color } = this.#options;
    return color && stdout.isTTY && stdout.hasColors?.() ? styleText(style, text, { validateStream: false }) : text;
  }

  #say(text: string): void {
    this.overlay?.hide();
    this.#options.stderr.write(`${text}\n`);
    this.overlay?.show();
  }
}
