import type { Registry } from 'prom-client';
import { assessmentStates, type Change, canTransition, type StoreTelemetry } from '../store/index.ts';
import { Distribution, longTimes } from './distribution.ts';
import { Tally } from './tally.ts';

const types = ['COMPLIANCE', 'HEALTH', 'SECURITY'] as const;

/** What becomes of assessments: the changes that this process commits, and how long the work waits and takes. */
export class LifecycleMetrics implements Pick<StoreTelemetry, 'changes' | 'expired' | 'outcome'> {
  readonly #transitions: Tally<'from' | 'to' | 'type'>;
  readonly #processing: Distribution;
  readonly #queued: Distribution;
  readonly #outcomes: Tally<'command' | 'outcome'>;
  readonly #expired: Tally<never>;

  constructor(registry: Registry) {
    this.#transitions = new Tally(registry, {
      name: 'assessment_store_transitions_total',
      help: 'Changes that this instance has committed. From NONE: creations; from a state to itself: progress.',
      labels: ['from', 'to', 'type'],
    });
    this.#processing = new Distribution(registry, {
      name: 'assessment_store_processing_seconds',
      help: 'Time from the start to the end of assessments that COMPLETED or FAILED.',
      ...{ label: 'type', buckets: longTimes },
    });
    this.#queued = new Distribution(registry, {
      name: 'assessment_store_queue_seconds',
      help: 'Time from the creation to the start of assessments that were not retried.',
      ...{ label: 'type', buckets: longTimes },
    });
    this.#outcomes = new Tally(registry, {
      name: 'assessment_store_commands_total',
      help: 'Commands by what became of them in their statement; LOCKED ones are tried again.',
      labels: ['command', 'outcome'],
    });
    this.#expired = new Tally(registry, {
      name: 'assessment_store_attempts_expired_total',
      help: 'Attempts that this instance has ended because their lease had run out or they had taken too long.',
      labels: [],
    });
    this.#expired.add(0);
    this.#beginAll();
  }

  changes(changes: readonly Change[]): void {
    for (const { assessment, previousState } of changes) {
      const { state, type, retryCount, createdAt, startedAt, completedAt } = assessment;
      this.#transitions.add(1, previousState ?? 'NONE', state, type);
      if (previousState === state || startedAt === null) continue;
      if (completedAt !== null) this.#processing.observe(type, (completedAt.getTime() - startedAt.getTime()) / 1_000);
      else if (state === 'PROCESSING' && retryCount === 0) this.#queued.observe(type, (startedAt.getTime() - createdAt.getTime()) / 1_000);
    }
  }

  expired(count: number): void {
    this.#expired.add(count);
  }

  outcome(command: string, outcome: string): void {
    this.#outcomes.add(1, command, outcome);
  }

  /** All that can happen is there from the beginning: a rate needs a value before the first time. */
  #beginAll(): void {
    for (const type of types) {
      this.#processing.begin(type);
      this.#queued.begin(type);
      this.#transitions.add(0, 'NONE', 'PENDING', type);
      this.#transitions.add(0, 'PROCESSING', 'PROCESSING', type);
      for (const from of assessmentStates)
        for (const to of assessmentStates) if (canTransition(from, to)) this.#transitions.add(0, from, to, type);
    }
  }
}
