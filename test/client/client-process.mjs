// A program with a client, for tests that look whether it ends by itself: `node client-process.mjs <url> <what>`.
import { createAssessmentClient } from '../../dist/client/index.js';

const [, , url, what, assessmentId] = process.argv;
process.on('uncaughtException', (error) => {
  console.log(`uncaught: ${error.stack}`);
  process.exitCode = 70;
});
process.on('unhandledRejection', (error) => {
  console.log(`unhandled: ${error?.stack ?? error}`);
  process.exitCode = 71;
});

const webSocketImpl = what.startsWith('web') ? globalThis.WebSocket : undefined;
const client = createAssessmentClient({ url, webSocketImpl, retryBaseMs: 3_600_000, retryCapMs: 3_600_000, connectTimeoutMs: 3_600_000 });
/** Resolves when something came on standard input. */
const told = () => new Promise((resolve) => process.stdin.once('data', resolve).once('end', resolve));
const reading = (updates) =>
  (async () => {
    for await (const { kind } of updates) console.log(`update ${kind}`);
    console.log('ended');
  })().catch((error) => console.log(`error ${error.name}`));

const scenes = {
  /** Watches until the end, and closes nothing. */
  watch: () => reading(client.watch(assessmentId)),
  /** Breaks off in the middle, and closes nothing. */
  break: async () => {
    for await (const { kind } of client.watch(assessmentId)) {
      console.log(`update ${kind}`);
      break;
    }
  },
  /** Closes when it is told to. */
  close: async () => {
    const all = [reading(client.watch(assessmentId)), reading(client.feed())];
    await told();
    await client.close();
    await Promise.all(all);
  },
  /** Closes while a call is under way. */
  call: async () => {
    const call = client.getState(assessmentId).catch((error) => console.log(`error ${error.name}`));
    await told();
    await client.close();
    await call;
  },
  /** Closes in the moment that it begins. */
  atOnce: async () => {
    const all = [reading(client.watch(assessmentId)), reading(client.feed())];
    await client.close();
    await Promise.all(all);
  },
};
console.log('begun');
await scenes[what.replace(/^web-/, '')]();
process.stdin.destroy();
console.log('done');
