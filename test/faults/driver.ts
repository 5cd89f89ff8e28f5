import { createAssessmentClient } from '../../src/client/index.ts';
import { Commands } from './commands.ts';
import { Dice } from './dice.ts';
import { pickLife } from './life.ts';
import { assessmentIdOf } from './names.ts';
import { ProgressBatches } from './progress-batches.ts';
import { type Work, Writer } from './writer.ts';

export interface DriverOptions {
  /** The API of each instance. */
  urls: readonly string[];
  /** The API behind the load balancer. */
  url: string;
  seed: number;
  assessments: number;
  updatesPerSecond: number;
  runMs: number;
}

/** What the writers did, for the summary. */
export interface DriverCounts {
  /** Reports of progress that were carried out, and how many in each second until it was over. */
  updates: number;
  perSecond: number[];
  batches: number;
  repeats: number;
  answersLost: number;
  commands: number;
  givenUp: number;
  /** Answers that nobody should have got. */
  wrong: Record<string, number>;
}

const writers = 8;

/** The assessments of a run, each with its life; they are the same for the same seed. */
export function worksOf({ seed, assessments, runMs }: Pick<DriverOptions, 'seed' | 'assessments' | 'runMs'>): Work[] {
  return Array.from({ length: assessments }, (_, index) => {
    const assessmentId = assessmentIdOf(index);
    const life = pickLife(new Dice(seed, assessmentId), runMs);
    const isThere = life.createdAt < 0;
    return { assessmentId, life, stand: { state: isThere ? 'PENDING' : undefined, version: isThere ? 1 : 0, progress: 0, failures: 0 } };
  });
}

/** Makes all changes of a run, through all instances; resolves when it is over and every assessment has come to its end. */
export async function drive(options: DriverOptions, isOver: () => boolean): Promise<DriverCounts> {
  const { urls, url, seed, updatesPerSecond, runMs } = options;
  const client = createAssessmentClient({ url, retryCapMs: 1_000 });
  const commands = new Commands(client);
  const batches = Array.from({ length: writers }, (_, index) => new ProgressBatches(urls, index));
  const works = worksOf(options);
  const meter = new Meter(() => sum(batches.map(({ counts }) => counts.updates)), isOver);
  await Promise.all(
    batches.map((own, index) =>
      new Writer({
        ...{ name: `writer ${index}`, batches: own, commands, updatesPerSecond: updatesPerSecond / writers },
        works: works.filter((_, number) => number % writers === index),
        dice: new Dice(seed, `writer ${index}`),
      }).run(runMs, isOver),
    ),
  );
  await client.close();
  const of = (name: keyof ProgressBatches['counts']): number => sum(batches.map(({ counts }) => counts[name]));
  return {
    ...{ updates: of('updates'), perSecond: meter.stop(), batches: of('batches'), repeats: of('repeats'), answersLost: of('answersLost') },
    ...commands.counts,
    wrong: merged([commands.wrong, ...batches.map(({ wrong }) => wrong)]),
  };
}

/** How much a count rises in each second until it is over. */
class Meter {
  readonly #perSecond: number[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(count: () => number, isOver: () => boolean) {
    let last = 0;
    this.#timer = setInterval(() => {
      if (isOver()) return;
      const now = count();
      this.#perSecond.push(now - last);
      last = now;
    }, 1_000);
  }

  stop(): number[] {
    clearInterval(this.#timer);
    return this.#perSecond;
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

function merged(maps: readonly ReadonlyMap<string, number>[]): Record<string, number> {
  const all: Record<string, number> = {};
  for (const [what, times] of maps.flatMap((map) => [...map])) all[what] = (all[what] ?? 0) + times;
  return all;
}
