import type { AssessmentStore, AuditEntry, CreateAssessment, StoreOptions } from '../../../src/store/index.ts';
import { createWorker, type Worker, type WorkerOptions } from '../../../src/worker/index.ts';
import { actor, startTestStore, type TestStore } from '../../support/test-store.ts';

export type OwnOptions = Partial<Omit<WorkerOptions, 'client' | 'store' | 'actor'>> & Pick<WorkerOptions, 'handlers'>;

/** A store on a database of its own, and workers on it that are stopped with it. */
export interface WorkerBench extends TestStore {
  /** A started worker. */
  work(options: OwnOptions): Worker;
  /** Stops every worker. */
  rest(): Promise<void>;
  /** Every change of an assessment, oldest first. */
  auditOf(assessmentId: string): Promise<AuditEntry[]>;
}

export async function startWorkerBench(options: Partial<StoreOptions> = {}): Promise<WorkerBench> {
  const bench = await startTestStore({ maintenanceMs: 100, ...options });
  const workers: Worker[] = [];
  const rest = async (): Promise<void> => {
    await Promise.all(workers.splice(0).map((worker) => worker.stop()));
  };
  return {
    ...bench,
    work: (options) => {
      const worker = createWorker({ store: bench.store, actor, graceMs: 1_000, log: bench.log, ...options });
      workers.push(worker);
      worker.start();
      return worker;
    },
    rest,
    auditOf: async (assessmentId) => (await bench.store.auditTrail(assessmentId, { first: 100 }, actor)).items.map(({ node }) => node),
    stop: async () => {
      await rest();
      await bench.stop();
    },
  };
}

/** Creates assessments; gives their keys. */
export async function submit(store: AssessmentStore, count: number, input: Partial<CreateAssessment> = {}): Promise<string[]> {
  const calls = Array.from({ length: count }, () => store.createAssessment({ type: 'HEALTH', ...input }, actor));
  return (await Promise.all(calls)).map(({ assessment }) => assessment.assessmentId);
}

/** Creates one assessment; gives its key. */
export async function submitOne(store: AssessmentStore, input: Partial<CreateAssessment> = {}): Promise<string> {
  const { assessment } = await store.createAssessment({ type: 'HEALTH', ...input }, actor);
  return assessment.assessmentId;
}

/** Waits for the end of an assessment; gives it as it is then. */
export async function endOf(store: AssessmentStore, assessmentId: string) {
  const { timedOut } = await store.waitForCompletion({ assessmentId, timeoutMs: 20_000 }, actor);
  if (timedOut) throw new Error(`${assessmentId} has not ended within 20 s`);
  return store.getState(assessmentId, actor);
}

/** A promise that is rejected when the signal fires, as a well-behaved handler waits. */
export const untilStopped = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
