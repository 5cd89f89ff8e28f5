import { expect } from 'vitest';
import { type Actor, type AssessmentStore, type FeedAssessments, type FeedEntry, updateCursor } from '../../src/store/index.ts';
import { eventually } from './eventually.ts';

/** A feed that is read as fast as it comes; what it told is kept, after what those told whose cursor it began at. */
export class FeedReader {
  readonly store: AssessmentStore;
  /** All that somebody knows who has read up to the cursor, and then this feed. */
  readonly told: FeedEntry[];
  /** Why the feed ended, where it broke off. */
  error: unknown;
  readonly #heard: Set<string>;
  readonly #feed: AsyncIterableIterator<FeedEntry, undefined>;
  readonly #reading: Promise<void>;

  private constructor(store: AssessmentStore, feed: AsyncIterableIterator<FeedEntry, undefined>, before: FeedEntry[]) {
    this.store = store;
    this.told = before;
    this.#heard = new Set(before.map(versionOf));
    this.#feed = feed;
    this.#reading = this.#read();
  }

  /** Opens a feed. `before`: what was told up to the cursor that it goes on after; without it the feed begins now, or as `input` says. */
  static async open(
    store: AssessmentStore,
    actor: Actor,
    input: FeedAssessments = {},
    before: readonly FeedEntry[] = [],
  ): Promise<FeedReader> {
    const known = [...before]; // which may grow while the feed is being opened
    const last = known.at(-1);
    const after = last === undefined ? input.after : updateCursor(last);
    return new FeedReader(store, await store.feedAssessments({ ...input, after }, actor), known);
  }

  /** Waits until it has been told of a version. */
  heard(assessmentId: string, version = 1): Promise<unknown> {
    return eventually(
      `a feed tells of ${assessmentId} ${version}`,
      () => {
        if (this.error !== undefined) throw this.error;
        return this.#heard.has(`${assessmentId} ${version}`);
      },
      20_000,
    );
  }

  async stop(): Promise<void> {
    await this.#feed.return?.();
    await this.#reading;
  }

  async #read(): Promise<void> {
    try {
      for await (const entry of this.#feed) {
        this.told.push(entry);
        this.#heard.add(versionOf(entry));
      }
    } catch (error) {
      this.error = error;
    }
  }
}

/** Which version, in short. */
export const versionOf = ({ assessment: { assessmentId, version } }: FeedEntry): string => `${assessmentId} ${version}`;

/** That exactly these versions were told, each once, and those of each assessment in order. */
export function expectWhole(told: readonly FeedEntry[], versions: readonly string[]): void {
  const names = told.map(versionOf);
  expect(names.toSorted()).toEqual(versions.toSorted());
  const latest = new Map<string, number>();
  for (const { assessment } of told) {
    const { assessmentId, version } = assessment;
    if (version !== (latest.get(assessmentId) ?? 0) + 1) expect.fail(`${assessmentId} ${version} is out of order in:\n${names.join('\n')}`);
    latest.set(assessmentId, version);
  }
}
