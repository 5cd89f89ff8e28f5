import { afterAll, beforeAll, expect, test } from 'vitest';
import { exitCodes } from '../../src/startup-error.ts';
import {
  createDataFolder,
  type End,
  endServices,
  isRunning,
  postgresPid,
  type ServiceProcess,
  sendTo,
  startByNpm,
  startService,
} from '../support/service-process.ts';

let dataDir: string;
let remove: () => Promise<void>;
beforeAll(async () => {
  ({ dataDir, remove } = await createDataFolder());
});
afterAll(async () => {
  await endServices();
  await remove();
});

const create =
  'mutation ($id: String!) { createAssessment(input: { assessmentId: $id, type: HEALTH }) { ... on CreateAssessmentPayload { created } } }';
const list =
  '{ assessments(orderBy: { field: CREATED_AT, direction: ASC }) { nodes { assessmentId state auditTrail { nodes { versionTo } } } } }';
const kept: unknown[] = [];

/** Starts, finds all that was submitted in the starts before, submits one more, and ends by a signal. */
async function day(start: (environment: Record<string, string>) => ServiceProcess, signal: NodeJS.Signals): Promise<End> {
  const service = start({ DATA_DIR: dataDir });
  const url = await service.ready();
  const { data } = await sendTo<{ assessments: { nodes: unknown[] } }>(url, list);
  expect(data.assessments.nodes).toEqual(kept);
  const id = `day-${kept.length}`;
  expect(await sendTo(url, create, { id })).toEqual({ data: { createAssessment: { created: true } } });
  kept.push({ assessmentId: id, state: 'PENDING', auditTrail: { nodes: [{ versionTo: 1 }] } });
  const postgres = await postgresPid(dataDir);
  expect(await isRunning(postgres)).toBe(true);
  const end = await service.end(signal);
  expect(await isRunning(postgres)).toBe(false);
  await expect(fetch(url)).rejects.toThrow();
  return end;
}

test('a first start needs nothing, and its last line says where the API is', async () => {
  const service = startService({ DATA_DIR: dataDir });
  const url = await service.ready();
  const { out, err } = service.printed();
  const lines = out.trimEnd().split('\n');
  expect(lines.at(-1)).toMatch(/AssessmentStore is ready: the GraphQL API is at http:\/\/127\.0\.0\.1:\d+\/graphql$/);
  expect(lines.filter((line) => line.includes('http://'))).toHaveLength(1);
  expect(err).toBe('');
  expect((await fetch(new URL('/health/ready', url))).status).toBe(200);
  const postgres = await postgresPid(dataDir);
  expect(await service.end('SIGTERM')).toMatchObject({ code: 0, signal: null, err: '' });
  expect(await isRunning(postgres)).toBe(false);
});

test('SIGTERM stops it with exit code 0 and leaves no postgres', async () => {
  expect(await day(startService, 'SIGTERM')).toMatchObject({ code: 0, signal: null, err: '' });
});

test('SIGINT does too, and the start finds yesterday’s data', async () => {
  expect(await day(startService, 'SIGINT')).toMatchObject({ code: 0, signal: null, err: '' });
});

test('SIGTERM to npm start itself ends the service and its postgres', async () => {
  const end = await day(startByNpm, 'SIGTERM');
  expect(end.out).toMatch(/stopped\s*$/);
});

test('a second service on the same data folder ends with its own code and a message; the first goes on, and stops cleanly on Ctrl-C twice', async () => {
  const first = startService({ DATA_DIR: dataDir });
  const url = await first.ready();
  const second = await startService({ DATA_DIR: dataDir }).ended();
  expect(second).toMatchObject({ code: exitCodes.DATA_FOLDER_IN_USE, signal: null });
  expect(second.err).toMatch(/AssessmentStore cannot start: The data folder .* is in use by process \d+ .*DATA_DIR.*DATABASE_URL/s);
  expect(second.err).toContain(`process ${first.pid} `);
  expect(second.err).not.toMatch(/\n\s+at /);
  expect((await sendTo<{ assessments: { nodes: unknown[] } }>(url, list)).data.assessments.nodes).toEqual(kept);

  // An impatient second Ctrl-C changes nothing: it still stops cleanly.
  const postgres = await postgresPid(dataDir);
  first.signal('SIGINT');
  first.signal('SIGINT');
  expect(await first.end('SIGTERM')).toMatchObject({ code: 0, signal: null, err: '' });
  expect(await isRunning(postgres)).toBe(false);
});

test('a postgres that ends by itself ends the service, with an error', async () => {
  const service = startService({ DATA_DIR: dataDir });
  await service.ready();
  process.kill(await postgresPid(dataDir), 'SIGQUIT');
  const end = await service.ended();
  expect(end).toMatchObject({ code: exitCodes.UNEXPECTED, signal: null });
  expect(end.out).toContain('the embedded PostgreSQL ended by itself');
});
