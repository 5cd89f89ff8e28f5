// A worker in a process of its own, of what is built: node worker-process.mjs DATABASE_URL MODE COUNT
//   hold   claims COUNT, says which, and works on them for ever; told "report" it tries to complete all and says with which outcome
//   drain  works until it is told to end; each result names this process
import { openStore } from '../../dist/store/index.js';
import { createWorker } from '../../dist/worker/worker.js';

const [, , databaseUrl, mode, count, leaseMs] = process.argv;
const log = { debug() {}, info() {}, warn() {}, error: console.error };
const store = await openStore({ databaseUrl, redisUrl: process.env.REDIS_URL, log });
const actor = { tenantId: 'default', subject: `process-${process.pid}` };
const workerId = `process-${process.pid}`;

async function hold() {
  const claims = await store.claimAssessments({ workerId, limit: Number(count), leaseMs: Number(leaseMs) }, actor);
  process.on('message', async () => {
    const outcomes = await Promise.allSettled(
      claims.map(({ assessment: { assessmentId }, claimToken }) =>
        store.completeAssessment({ assessmentId, claimToken, result: { late: true } }, actor),
      ),
    );
    process.send(outcomes.map(({ status, reason }) => (status === 'fulfilled' ? 'COMPLETED' : reason.code)));
  });
  process.send(claims.map(({ assessment }) => assessment.assessmentId));
}

function drain() {
  const worker = createWorker({
    ...{ store, actor, workerId, log, concurrency: Number(count), leaseMs: Number(leaseMs) },
    handlers: { HEALTH: () => ({ by: workerId }) },
  });
  worker.start();
  process.on('message', async () => {
    await worker.stop();
    process.send(worker.stats);
    await store.stop();
    process.disconnect();
  });
  process.send('ready');
}

if (mode === 'hold') await hold();
else drain();
