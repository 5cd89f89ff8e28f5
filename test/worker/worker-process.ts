import { createAssessmentClient } from '../../src/client/client.ts';
import { stopOnSignals } from '../../src/worker/stop-on-signals.ts';
import { createWorker } from '../../src/worker/worker.ts';

// A worker in a process of its own, as docs/worker.md shows one. The first argument is the URL of the API.
const client = createAssessmentClient({ url: process.argv[2] ?? '' });
const worker = createWorker({
  client,
  workerId: 'in-a-process',
  graceMs: 200,
  handlers: {
    HEALTH: async ({ assessment, signal, progress }) => {
      progress(50, 'half');
      if (assessment.serverName === 'slow') await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      return { checked: assessment.serverName };
    },
  },
});
stopOnSignals({ stop: () => worker.stop().then(() => client.close()) });
worker.start();
