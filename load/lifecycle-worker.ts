// The worker of lifecycle.ts, in a process of its own: is told by its parent which assessments there are to do, starts and completes each.

import { operations, result } from './support/operations.ts';
import { setting } from './support/settings.ts';
import { openSocket, run } from './support/socket.ts';

const slots = setting('CONC', 64);
const client = await openSocket(process.argv[2] ?? 'http://127.0.0.1:4000/graphql');
const waiting: string[] = [];
let busy = 0;

async function work(id: string): Promise<void> {
  await run(client, operations.start, { id });
  await run(client, operations.complete, { id, result });
}

function next(): void {
  if (busy >= slots) return;
  const id = waiting.shift();
  if (id === undefined) return;
  busy++;
  work(id)
    .catch((error: unknown) => console.error(`the worker could not do ${id}:`, error))
    .finally(() => {
      busy--;
      next();
    });
}

process.on('message', (id) => {
  waiting.push(String(id));
  next();
});
process.on('disconnect', () => process.exit(0));
process.send?.('ready');
