import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** A program of the run in a process of its own: told by words, it answers in the end. */
export class Child<Answer> {
  readonly answer: Promise<Answer>;
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown>;

  /** @param program the name of its file in this folder */
  constructor(program: string, options: object) {
    const path = join(import.meta.dirname, `${program}.ts`);
    this.#process = fork(path, [JSON.stringify(options)], { execArgv: [...process.execArgv, '--max-semi-space-size=32'] });
    this.#exited = once(this.#process, 'exit');
    this.answer = new Promise((resolve, reject) => {
      this.#process.once('message', (message) => resolve(message as Answer));
      this.#process.once('exit', (code, signal) => reject(new Error(`${program} ended with ${signal ?? code} and no answer`)));
    });
    this.answer.catch(() => {}); // whoever waits for it is told
  }

  tell(word: string): void {
    if (this.#process.connected) this.#process.send(word, () => {}); // it may be about to end
  }

  /** Ends it, if it has not ended. */
  async end(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) this.#process.kill('SIGKILL');
    await this.#exited;
  }
}

/** What a child was started with. */
export const optionsOfChild = <Options>(): Options => JSON.parse(process.argv[2] ?? '{}') as Options;

/** Answers from within a child, which ends then. A child whose parent is gone ends too. */
export async function answerParent(answer: Promise<unknown>): Promise<void> {
  process.once('disconnect', () => process.exit());
  const message = await answer;
  process.send?.(message, () => process.disconnect());
}
