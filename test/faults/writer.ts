import { setTimeout as sleep } from 'node:timers/promises';
import type { Commands } from './commands.ts';
import type { Dice } from './dice.ts';
import { type Life, nextStep, type Stand } from './life.ts';
import type { ProgressBatches, Report } from './progress-batches.ts';

/** An assessment with its life, and where it is in it. */
export interface Work {
  assessmentId: string;
  life: Life;
  stand: Stand;
}

export interface WriterOptions {
  name: string;
  works: readonly Work[];
  batches: ProgressBatches;
  commands: Commands;
  /** How many reports a second it is to make. */
  updatesPerSecond: number;
  dice: Dice;
}

const leastRoundMs = 20;
/** In so many of ten reports the percentage rises. */
const rises = 0.2;

/** Brings its assessments through their lives; nobody else changes them. In each round it reports the progress of all that are being processed. */
export class Writer {
  readonly #options: WriterOptions;
  #reports = 0;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  /**
   * @param runMs how long the lives are
   * @param isOver from when on no progress is reported any more, and every assessment is brought to its end; until then those that are
   *   due to end last live on
   */
  async run(runMs: number, isOver: () => boolean): Promise<void> {
    const start = performance.now();
    for (let due = start; !isOver(); ) {
      const now = Math.min(performance.now() - start, runMs - 1);
      await this.#step(now);
      const reports = this.#reportsOf(now);
      if (reports.length > 0) await this.#report(reports);
      const roundMs = Math.max(leastRoundMs, (reports.length / this.#options.updatesPerSecond) * 1_000);
      // What was missed while the service was away is not made up for at once.
      due = Math.max(due + roundMs, performance.now() - roundMs);
      await sleep(Math.max(0, due - performance.now()));
    }
    while (await this.#step(Number.POSITIVE_INFINITY));
  }

  /** Does what is due beside progress; false when nothing was. */
  async #step(now: number): Promise<boolean> {
    const due = this.#options.works.flatMap((work) => {
      const step = nextStep(work.life, work.stand, now);
      return step === undefined || step === 'PROGRESS' ? [] : [{ work, step }];
    });
    await Promise.all(
      due.map(async ({ work, step }) => {
        const { assessmentId, life, stand } = work;
        const { state, version, progress } = await this.#options.commands.do(step, assessmentId, stand, life.end);
        work.stand = { state, version, progress, failures: stand.failures + (state === 'FAILED' ? 1 : 0) };
      }),
    );
    return due.length > 0;
  }

  #reportsOf(now: number): { work: Work; report: Report }[] {
    const { works, dice, name } = this.#options;
    return works.flatMap((work) => {
      const { assessmentId, life, stand } = work;
      if (nextStep(life, stand, now) !== 'PROGRESS') return [];
      const progress = Math.min(99, stand.progress + (dice.chance(rises) ? 1 : 0));
      return [{ work, report: { assessmentId, progress, message: `${name}, report ${++this.#reports}`, expectedVersion: stand.version } }];
    });
  }

  async #report(reports: { work: Work; report: Report }[]): Promise<void> {
    await this.#options.batches.send(reports.map(({ report }) => report));
    for (const { work, report } of reports) work.stand = { ...work.stand, version: report.expectedVersion + 1, progress: report.progress };
  }
}
