import { createLogUpdate } from 'log-update';
import stringWidth from 'string-width';
import type { AssessmentState } from '../store/index.ts';
import type { Output } from './output.ts';
import { printable } from './printable.ts';
import { cut, padded } from './table.ts';

/** What a bar shows of an assessment. */
export interface Shown {
  readonly assessmentId: string;
  readonly state: AssessmentState;
  /** In percent. */
  readonly progress: number;
  readonly message: string | null;
}

/** How often the bars are drawn at most, in milliseconds: many changes a second are no more than a flicker. */
const everyMs = 100;
const barWidth = 24;
const longestName = 40;

/**
 * A progress bar for every assessment that is shown, drawn again and again at the bottom of a terminal; finished lines go above them.
 */
export class Bars {
  readonly #output: Output;
  readonly #shown = new Map<string, Shown>();
  readonly #update: ReturnType<typeof createLogUpdate>;
  #timer: NodeJS.Timeout | undefined;
  #nameWidth = 0;

  constructor(output: Output) {
    this.#output = output;
    this.#update = createLogUpdate(new Proxy(output.stdout, withSize) as unknown as NodeJS.WritableStream);
    output.overlay = { hide: () => this.#update.clear(), show: () => this.#drawNow() };
  }

  /** Shows a bar, or shows it as it is now. */
  show(assessment: Shown): void {
    this.#nameWidth = Math.min(longestName, Math.max(this.#nameWidth, stringWidth(printable(assessment.assessmentId))));
    this.#shown.set(assessment.assessmentId, assessment);
    this.#drawSoon();
  }

  /** Takes a bar away; with a line, that takes its place above the others for good. */
  remove(assessmentId: string, line?: string): void {
    this.#shown.delete(assessmentId);
    if (line !== undefined) this.#update.persist(line);
    this.#drawNow();
  }

  /** Leaves the bars as they are now, and gives the cursor back. Idempotent. */
  end(): void {
    this.#drawNow();
    this.#update.done();
    this.#output.overlay = undefined;
  }

  #drawSoon(): void {
    this.#timer ??= setTimeout(() => this.#drawNow(), everyMs);
  }

  #drawNow(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#shown.size === 0) this.#update.clear();
    else this.#update(this.#frame());
  }

  #frame(): string {
    // One line stays free for the cursor.
    const room = (this.#output.stdout.rows || 24) - 1;
    const all = [...this.#shown.values()];
    const visible = all.length <= room ? all : mostTelling(all).slice(0, Math.max(1, room - 1));
    const lines = visible.map((assessment) => cut(this.#lineOf(assessment), (this.#output.width ?? 80) - 1));
    if (visible.length < all.length) lines.push(this.#output.paint('dim', `… and ${all.length - visible.length} more`));
    return lines.join('\n');
  }

  #lineOf({ assessmentId, state, progress, message }: Shown): string {
    const filled = Math.round((progress / 100) * barWidth);
    const bar = this.#output.paint('cyan', '█'.repeat(filled)) + this.#output.paint('dim', '░'.repeat(barWidth - filled));
    const name = padded(cut(printable(assessmentId), longestName), this.#nameWidth);
    return `${name}  ${bar} ${String(progress).padStart(3)} %  ${state}${message === null ? '' : `  ${printable(message)}`}`;
  }
}

/** What is worked on before what waits. */
const mostTelling = (all: readonly Shown[]): Shown[] =>
  all.toSorted((one, other) => Number(other.state === 'PROCESSING') - Number(one.state === 'PROCESSING'));

/** A terminal that does not know its size counts as one of 80 columns and 24 rows. */
const withSize: ProxyHandler<Output['stdout']> = {
  get: (stream, name) => {
    if (name === 'columns') return stream.columns || 80;
    if (name === 'rows') return stream.rows || 24;
    const value: unknown = Reflect.get(stream, name);
    return typeof value === 'function' ? value.bind(stream) : value;
  },
};
