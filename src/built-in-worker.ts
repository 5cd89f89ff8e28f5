import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { CheckError } from './checks/check-error.ts';
import { loadRules } from './checks/rule-set.ts';
import { runCheck } from './checks/run-check.ts';
import { readTargetPolicy } from './checks/target-policy.ts';
import type { Config, WorkerConfig } from './config.ts';
import { StartupError } from './startup-error.ts';
import type { Assessment, AssessmentStore, Logger } from './store/index.ts';
import type { Handler } from './worker/handler.ts';
import type { WorkClient } from './worker/work-client.ts';
import { createWorker, type Worker } from './worker/worker.ts';

const subject = 'service:worker';

/**
 * The built-in checks (docs/checks.md) as the configuration has them.
 * @throws StartupError (CONFIG_INVALID) when CHECK_TARGETS or the file of CHECK_RULES is wrong.
 */
export async function loadChecks(config: Pick<WorkerConfig, 'CHECK_TARGETS' | 'CHECK_RULES'>): Promise<Handler> {
  const targets = await configured('CHECK_TARGETS', () => readTargetPolicy(config.CHECK_TARGETS));
  const rules = await configured('CHECK_RULES', () => loadRules(config.CHECK_RULES));
  return ({ assessment: { type, serverName, requestData }, signal, progress }) =>
    runCheck({ type, serverName, request: requestData }, { signal, progress, targets, rules });
}

type WorkConfig = Omit<WorkerConfig, 'NODE_ENV' | 'LOG_LEVEL' | 'CHECK_TARGETS' | 'CHECK_RULES'>;

/**
 * Workers on a store in this process that run the checks, behind one name; they are yet to be started. Each tenant has one with places of its own,
 * so that what one has in the queue keeps nobody else waiting.
 */
export function createBuiltInWorker(
  store: AssessmentStore,
  check: Handler,
  config: WorkConfig & Pick<Config, 'WORKER_TENANTS'>,
  log: Logger,
): Pick<Worker, 'workerId' | 'start' | 'stop'> {
  const workerId = `${hostname().slice(0, 200)}:${process.pid}:${randomUUID().slice(0, 8)}`;
  const workers = config.WORKER_TENANTS.map((tenantId) =>
    createWorker({ store, workerId, actor: { tenantId, subject }, log, ...optionsOf(check, config) }),
  );
  return {
    workerId,
    start: () => {
      for (const worker of workers) worker.start();
    },
    stop: async () => {
      await Promise.all(workers.map((worker) => worker.stop()));
    },
  };
}

/** A worker over the API. `types`: which to claim; default: all. */
export const createRemoteWorker = (
  client: WorkClient,
  check: Handler,
  config: WorkConfig,
  log: Logger,
  types?: Assessment['type'][],
): Worker => createWorker({ client, log, ...optionsOf(check, config), ...(types && { types }) });

const optionsOf = (check: Handler, config: WorkConfig) => ({
  handlers: { HEALTH: check, SECURITY: check, COMPLIANCE: check },
  concurrency: config.WORKER_CONCURRENCY,
  leaseMs: config.WORKER_LEASE_MS,
  // Checks take seconds: what is claimed ahead would only wait here.
  prefetch: 0,
  graceMs: config.STOP_TIMEOUT_MS / 2,
  maxResultBytes: config.MAX_BODY_BYTES,
});

async function configured<Value>(variable: string, read: () => Value | Promise<Value>): Promise<Value> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof CheckError)) throw error;
    throw new StartupError('CONFIG_INVALID', `The configuration is not valid:\n  - ${variable}: ${error.message}`, { cause: error });
  }
}
