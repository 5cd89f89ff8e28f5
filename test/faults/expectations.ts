import { isSelected, type Selection } from './selection.ts';
import type { Trail, TrailEntry } from './trail.ts';

/** What a feed has to show, by the audit trail: worked out once for all feeds of the same selection. */
export class Expectations {
  readonly #trail: Trail;
  readonly #known = new Map<string, Map<string, readonly TrailEntry[]>>();

  constructor(trail: Trail) {
    this.#trail = trail;
  }

  /** By assessment, every change after which it is selected, or before which it was. */
  of(selection: Selection): ReadonlyMap<string, readonly TrailEntry[]> {
    const name = JSON.stringify(selection);
    const known = this.#known.get(name) ?? this.#workOut(selection);
    this.#known.set(name, known);
    return known;
  }

  #workOut(selection: Selection): Map<string, readonly TrailEntry[]> {
    const expected = new Map<string, readonly TrailEntry[]>();
    for (const assessmentId of this.#trail.assessmentIds) {
      const entries = this.#trail.of(assessmentId);
      const shown = entries.filter((entry, index) => {
        const before = entries[index - 1];
        return isSelected(selection, entry) || (before !== undefined && isSelected(selection, before));
      });
      if (shown.length > 0) expected.set(assessmentId, shown);
    }
    return expected;
  }
}
