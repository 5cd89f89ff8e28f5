import { type AssessmentFilter, filterToSql } from './filter.ts';
import type { LogEntry } from './log-entry.ts';
import { filterToPredicate } from './matches.ts';

/** Which changes a feed brings: shared by all feeds of one tenant with the same filter, so that each change is judged once for all of them. */
export class FeedFilter<Entry extends LogEntry> {
  readonly tenantId: string;
  readonly #matches: (assessment: Parameters<ReturnType<typeof filterToPredicate>>[0]) => boolean;
  readonly #known = new WeakMap<readonly Entry[], readonly Entry[]>();

  /** @throws InvalidInputError for a filter that is none. */
  constructor(tenantId: string, where: AssessmentFilter) {
    this.tenantId = tenantId;
    this.#matches = filterToPredicate(where);
  }

  /** Those that a feed brings. The answer is remembered while the list lives, since every feed with this filter asks for it. */
  of(entries: readonly Entry[]): readonly Entry[] {
    const known = this.#known.get(entries);
    if (known !== undefined) return known;
    const matching = entries.filter((entry) => this.#isWanted(entry));
    this.#known.set(entries, matching);
    return matching;
  }

  /** Whether the assessment matches after the change, or did before: then it is the last that the feed says of it. */
  #isWanted({ assessment, before }: Entry): boolean {
    if (assessment.tenantId !== this.tenantId) return false;
    return this.#matches(assessment) || (before !== null && this.#matches({ ...assessment, ...before }));
  }
}

/** The filters that are in use. */
export class FeedFilters<Entry extends LogEntry> {
  readonly #used = new Map<string, { filter: FeedFilter<Entry>; users: number }>();

  /** How many different filters there are. */
  get size(): number {
    return this.#used.size;
  }

  /** The filter of a tenant's feed, shared by those who ask for the same; release it in the end, once. @throws InvalidInputError */
  use(tenantId: string, where: AssessmentFilter): { filter: FeedFilter<Entry>; release: () => void } {
    filterToSql(where); // before a name is made of it, in which what is no value looks like null
    const name = `${tenantId}\0${JSON.stringify(where)}`;
    const used = this.#used.get(name) ?? { filter: new FeedFilter<Entry>(tenantId, where), users: 0 };
    used.users++;
    this.#used.set(name, used);
    const release = (): void => {
      if (--used.users === 0) this.#used.delete(name);
    };
    return { filter: used.filter, release };
  }
}
