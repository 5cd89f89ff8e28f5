import type { AssessmentView, UpdateView } from '../store/index.ts';
import { Slots } from '../store/slots.ts';
import type { Bars } from './bars.ts';
import type { Follower } from './follow.ts';
import type { Output } from './output.ts';
import { lineOf, timedLineOf } from './words.ts';

/** Bars on a terminal; a line above them for every end. */
export const barsFollower = (bars: Bars, output: Output): Follower => ({
  changed: ({ assessment }) => bars.show({ ...assessment, message: assessment.message ?? assessment.errorMessage }),
  ended: (assessment) => bars.remove(assessment.assessmentId, lineOf(assessment, output)),
  unfinished: () => {},
});

/** Draws bars for as long as the work goes on. Loaded here, since most calls draw none. */
export async function withBars<Value>(output: Output, work: (bars: Bars) => Promise<Value>): Promise<Value> {
  const { Bars } = await import('./bars.ts');
  const bars = new Bars(output);
  return work(bars).finally(() => bars.end());
}

/** A line for every change, or its JSON. */
export const changesFollower = (output: Output): Follower => ({
  changed: (update) => printUpdate(update, output),
  ended: () => {},
  unfinished: () => {},
});

/** An update as a line, or as JSON. */
export const printUpdate = (update: UpdateView, output: Output): Promise<void> =>
  output.json ? output.value(update) : output.line(timedLineOf(update.assessment, output));

/** So many results are read at a time, and held for a reader of the output that is slow. */
const resultsAtOnce = 8;

/** A line for every end, or its JSON, which shows what is unfinished too; `resultOf` reads the result of one that is COMPLETED. */
export const endsFollower = (output: Output, resultOf: (assessmentId: string) => Promise<unknown>): Follower => {
  const slots = new Slots(resultsAtOnce);
  const print = async (assessment: AssessmentView): Promise<void> => {
    if (!output.json) return output.quiet ? undefined : output.line(lineOf(assessment, output));
    await slots.run(async () => {
      // A result is there, and final, exactly in COMPLETED.
      const resultData = assessment.state === 'COMPLETED' ? await resultOf(assessment.assessmentId) : null;
      await output.value({ ...assessment, resultData });
    });
  };
  return { changed: () => {}, ended: print, unfinished: (assessment) => (output.json ? print(assessment) : undefined) };
};
