import type { Actor, CreateAssessment } from '../../src/store/index.ts';
import { eventually } from '../support/eventually.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';
import { type Cli, type CliEnd, type CliOptions, startCli, startOnTerminal } from './cli-process.ts';

export const actor: Actor = { tenantId: 'default', subject: 'tester' };

/** A service on a database of its own, the command line that is pointed at it, and what others do meanwhile. */
export interface CliBench {
  service: TestApp;
  /** Starts a command. */
  start(args: readonly string[], options?: CliOptions): Cli;
  /** The same on a terminal. */
  startOnTerminal(args: readonly string[], options?: CliOptions): Cli;
  /** Runs a command to its end. */
  run(args: readonly string[], options?: CliOptions): Promise<CliEnd>;
  /** Somebody submits an assessment. */
  submit(assessmentId: string, input?: Partial<CreateAssessment>): Promise<void>;
  /** Somebody begins to work on it, and says how far it is. */
  begin(assessmentId: string, progress?: number, message?: string): Promise<void>;
  complete(assessmentId: string, result?: Record<string, unknown>): Promise<void>;
  fail(assessmentId: string, error?: string): Promise<void>;
  /** Runs something that makes the service ask its database in this way, and waits until it has: somebody has begun to wait (readByKeys), or reads a feed (enterLog). */
  until<Value>(statement: 'readByKeys' | 'enterLog', begin: () => Value): Promise<Value>;
  stop(): Promise<void>;
}

export async function startCliBench(): Promise<CliBench> {
  const service = await startTestApp();
  const { store } = service.app;
  const pointed = ({ env, ...options }: CliOptions = {}): CliOptions => ({
    env: { ASSESSMENT_STORE_URL: service.url, ...env },
    ...options,
  });
  return {
    service,
    start: (args, options) => startCli(args, pointed(options)),
    startOnTerminal: (args, options) => startOnTerminal(args, pointed(options)),
    run: (args, options) => startCli(args, pointed(options)).end(),
    submit: async (assessmentId, input) => void (await store.createAssessment({ assessmentId, type: 'HEALTH', ...input }, actor)),
    begin: async (assessmentId, progress, message) => {
      const { state } = await store.getState(assessmentId, actor);
      if (state === 'PENDING') await store.startProcessing({ assessmentId }, actor);
      if (progress !== undefined) await store.updateProgress({ assessmentId, progress, message }, actor);
    },
    complete: async (assessmentId, result = {}) => void (await store.completeAssessment({ assessmentId, result }, actor)),
    fail: async (assessmentId, error = 'it did not work') =>
      void (await store.failAssessment({ assessmentId, error, retryable: false }, actor)),
    until: async (statement, begin) => {
      service.statements.length = 0;
      const begun = begin();
      await eventually(`the service runs ${statement}`, () => service.statements.some((sql) => sql.includes(`/* ${statement} */`)));
      return begun;
    },
    stop: () => service.stop(),
  };
}
