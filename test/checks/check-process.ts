import { run } from './run.ts';

// Checks the URL that is the first argument, and prints the result or the error. It calls no process.exit: whatever the check left open would
// keep it alive. With a second argument the check is aborted after that many milliseconds.
const [url, abortAfterMs] = process.argv.slice(2);
const ending = new AbortController();
const timer = abortAfterMs === undefined ? undefined : setTimeout(() => ending.abort(new Error('enough')), Number(abortAfterMs));
await run('SECURITY', new URL(String(url)), { deepScan: true }, { signal: ending.signal }).then(
  ({ result }) => console.log(JSON.stringify(result)),
  (error: Error) => console.log(JSON.stringify({ error: error.message })),
);
clearTimeout(timer);
