import type { Assessment } from './assessment.ts';
import type { AssessmentCache } from './cache.ts';
import type { Hub } from './hub.ts';
import type { StoreTelemetry } from './telemetry.ts';
import { updateOf } from './updates.ts';

/** What a statement has committed for one assessment. */
export interface Change {
  assessment: Assessment;
  /** Null for the creation. */
  previousState: Assessment['state'] | null;
}

/** Who wants to know of changes. */
export interface Listeners {
  cache: AssessmentCache;
  hub: Hub;
  indexer: { wake: () => void };
  queue: { note: (assessments: readonly Assessment[]) => void };
  telemetry: StoreTelemetry;
}

/** Tells cache, watchers, search and the work queue. Call it after the COMMIT. */
export function announce({ cache, hub, indexer, queue, telemetry }: Listeners, changes: readonly Change[]): void {
  if (changes.length === 0) return;
  telemetry.changes(changes);
  const assessments = changes.map(({ assessment }) => assessment);
  cache.forget(changes.filter(({ previousState }) => previousState === null).map(({ assessment }) => assessment));
  cache.put(assessments);
  hub.publish(changes.map(({ assessment, previousState }) => updateOf(assessment, previousState)));
  indexer.wake();
  queue.note(assessments);
}
