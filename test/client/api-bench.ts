import { createAssessmentClient } from '../../src/client/client.ts';
import type { CreateAssessment } from '../../src/store/index.ts';
import { createWorker, type Worker } from '../../src/worker/index.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';
import { createTestDatabase } from '../support/test-database.ts';
import { TestLog } from '../support/test-log.ts';
import type { OwnOptions } from '../worker/support/worker-bench.ts';

/** The service, a client of its API, and workers that know nothing else of it. */
export async function startApiBench() {
  const database = await createTestDatabase();
  let app: TestApp = await startTestApp({}, database);
  const { url } = app;
  const client = createAssessmentClient({ url });
  const log = new TestLog();
  const workers: Worker[] = [];
  return {
    ...{ url, client, database, log },
    app: () => app,
    work: (options: OwnOptions): Worker => {
      const worker = createWorker({ client, graceMs: 1_000, log, ...options });
      workers.push(worker);
      worker.start();
      return worker;
    },
    submit: (count: number, input: Partial<CreateAssessment> = {}): Promise<string[]> =>
      Promise.all(
        Array.from({ length: count }, async () => (await client.createAssessment({ type: 'HEALTH', ...input })).assessment.assessmentId),
      ),
    /** Stops the service. */
    stopService: () => app.stop(),
    /** Starts it again, on the same port. */
    startService: async () => {
      app = await startTestApp({ PORT: Number(new URL(url).port) }, database);
    },
    rest: async () => {
      await Promise.all(workers.splice(0).map((worker) => worker.stop()));
    },
    stop: async () => {
      await Promise.all(workers.splice(0).map((worker) => worker.stop()));
      await client.close();
      await app.stop();
      await database.drop();
    },
  };
}

export type ApiBench = Awaited<ReturnType<typeof startApiBench>>;
