import { setTimeout as sleep } from 'node:timers/promises';
import type { AssessmentClient, AssessmentView } from '../../src/client/index.ts';
import { RefusalError, UnavailableError } from '../../src/store/index.ts';
import { createRequestOf } from './create-request.ts';
import type { Life, Stand, Step } from './life.ts';

type Command = Exclude<Step, 'PROGRESS' | undefined>;

const againAfterMs = 300;

/** The steps of a life but progress, each asked for through the client of the project until it is known what became of it. */
export class Commands {
  readonly counts = { commands: 0, givenUp: 0 };
  /** What nobody should ever be answered, with how often. */
  readonly wrong = new Map<string, number>();
  readonly #client: AssessmentClient;

  constructor(client: AssessmentClient) {
    this.#client = client;
  }

  /** Resolves with how the assessment is afterwards. */
  async do(command: Command, assessmentId: string, { version }: Stand, end: Life['end']): Promise<AssessmentView> {
    this.counts.commands += 1;
    for (let isLost = false; ; await sleep(againAfterMs)) {
      try {
        return await this.#ask(command, assessmentId, version, end);
      } catch (error) {
        if (!(error instanceof UnavailableError) && !(isLost && error instanceof RefusalError)) this.#wrong(command, error);
        this.counts.givenUp += 1;
        isLost = true;
      }
      const found = await this.#client.getState(assessmentId).catch(() => undefined);
      if (found !== undefined && found.version > version) {
        if (found.version > version + 1 || found.state !== targetOf(command, end))
          this.#wrong(command, `it is ${found.state} at version ${found.version}`);
        return found;
      }
    }
  }

  async #ask(command: Command, assessmentId: string, expectedVersion: number, end: Life['end']): Promise<AssessmentView> {
    const target = { assessmentId, expectedVersion };
    switch (command) {
      case 'CREATE':
        return (await this.#client.createAssessment(createRequestOf(assessmentId))).assessment;
      case 'START':
        return this.#client.startProcessing(target);
      case 'FAIL':
        return this.#client.failAssessment({ ...target, error: 'it failed, and is tried again', retryable: false });
      case 'RETRY':
        return this.#client.retryAssessment({ ...target, reason: 'another try' });
      case 'END':
        return this.#end(target, end);
      default:
        return command satisfies never;
    }
  }

  #end(target: { assessmentId: string; expectedVersion: number }, end: Life['end']): Promise<AssessmentView> {
    switch (end) {
      case 'COMPLETED':
        return this.#client.completeAssessment({ ...target, result: { of: target.assessmentId } });
      case 'FAILED':
        return this.#client.failAssessment({ ...target, error: 'it failed for good', retryable: false });
      case 'CANCELLED':
        return this.#client.cancelAssessment({ ...target, reason: 'nobody wants it any more' });
      default:
        return end satisfies never;
    }
  }

  #wrong(command: Command, what: unknown): void {
    const text = `${command}: ${what}`;
    this.wrong.set(text, (this.wrong.get(text) ?? 0) + 1);
  }
}

const targetOf = (command: Command, end: Life['end']): string =>
  ({ CREATE: 'PENDING', START: 'PROCESSING', FAIL: 'FAILED', RETRY: 'PENDING', END: end })[command];
