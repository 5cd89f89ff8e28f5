// The worker of lifecycle.ts and backlog.ts, in a process of its own: the product's worker library, over the API or on the store.
//   tsx load/work.ts http://…/graphql    or    tsx load/work.ts postgresql://…
import { createAssessmentClient } from '../src/client/client.ts';
import { openStore } from '../src/store/index.ts';
import { createWorker } from '../src/worker/worker.ts';
import { result } from './support/operations.ts';
import { setting } from './support/settings.ts';

const [, , target = 'http://127.0.0.1:4000/graphql'] = process.argv;
const log = { debug: () => {}, info: () => {}, warn: console.error, error: console.error };
const actor = { tenantId: 'default', subject: 'load' };

const source = target.startsWith('postgres')
  ? { store: await openStore({ databaseUrl: target, log }), actor }
  : { client: createAssessmentClient({ url: target }) };
const work = () => result;
const concurrency = setting('CONC', 64);
const worker = createWorker({
  ...source,
  handlers: { COMPLIANCE: work, HEALTH: work, SECURITY: work },
  ...{ concurrency, prefetch: setting('PREFETCH', 500), log },
});

async function stop(): Promise<void> {
  await worker.stop();
  await ('store' in source ? source.store.stop() : source.client.close());
}

process.on('disconnect', () => void stop());
process.send?.('ready');
worker.start();
