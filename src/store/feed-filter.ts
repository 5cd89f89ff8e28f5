import type { AssessmentFilter } from './filter.ts';
import { filterToPredicate } from './matches.ts';
import type { LogEntry } from './read-log.ts';

/** Which changes a feed brings: shared by all feeds of one tenant with the same filter, so that each change is judged once for all of them. */
export class FeedFilter<Entry extends LogEntry> {
  readonly tenantId: string;
  readonly #matches: (assessment: Parameters<ReturnType<typeof filterToPredicate>>[0]) => boolean;
  #last: { of: readonly Entry[]; matching: readonly Entry[] } | undefined;

  /** @throws InvalidInputError for a filter that is none. */
  constructor(tenantId: string, where: AssessmentFilter) {
    this.tenantId = tenantId;
    this.#matches = filterToPredicate(where);
  }

  /** Those that a feed brings. The answer for the same list is remembered, since the feeds at the end of the log all ask for it. */
  of(entries: readonly Entry[]): readonly Entry[] {
    if (this.#last?.of !== entries) this.#last = { of: entries, matching: this.select(entries) };
    return this.#last.matching;
  }

  /** Those that a feed brings, of a list that nobody else will ask about. */
  select(entries: readonly Entry[]): readonly Entry[] {
    return entries.filter((entry) => this.#isWanted(entry));
  }

  /** Whether the assessment matches after the change, or did before: then it is the last that the feed says of it. */
  #isWanted({ assessment, before }: Entry): boolean {
    if (assessment.tenantId !== this.tenantId) return false;
    return this.#matches(assessment) || (before !== null && this.#matches({ ...assessment, ...before }));
  }
}
