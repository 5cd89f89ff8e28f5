// A service in this process, a worker on the client, and the client over the wire.
import { createAssessmentClient, NotFoundError } from 'assessment-store/client';
import { StartupError, startService } from 'assessment-store/server';
import { createWorker, FatalError } from 'assessment-store/worker';

const invalid = await startService({ PORT: 70_000 }).catch((error) => error);
const { DATABASE_URL } = process.env;
const service = await startService({ PORT: 0, DATABASE_URL, LOG_LEVEL: 'warn', DRAIN_MS: 0 });
const client = createAssessmentClient({ url: service.url });
const handler = async ({ assessment, progress }) => {
  await progress(50, 'half way');
  if (assessment.serverName === 'bad') throw new FatalError('no such server');
  return { looked: assessment.requestData.metadata.at };
};
const worker = createWorker({ client, handlers: { HEALTH: handler } });
worker.start();

const ends = await Promise.all(
  ['good', 'bad'].map(async (serverName) => {
    const { assessment } = await client.createAssessment({ type: 'HEALTH', serverName, metadata: { at: 'the page' } });
    const { assessmentId } = assessment;
    const states = [];
    for await (const update of client.watch(assessmentId)) states.push(update.assessment.state);
    const { state, resultData, errorMessage } = await client.getState(assessmentId);
    return { last: states.at(-1), state, resultData, errorMessage };
  }),
);
const missing = await client.getState('never-was').catch((error) => error);
const total = await service.store.countAssessments({}, { tenantId: 'default', subject: 'consumer' });
console.log(
  JSON.stringify({ ends, total, missing: missing instanceof NotFoundError, invalid: invalid instanceof StartupError && invalid.failure }),
);
await worker.stop();
await client.close();
await service.stop();
