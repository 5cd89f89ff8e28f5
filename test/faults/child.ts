import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** What a child says first: it has been loaded, and waits for the word to begin. */
const readyWord = 'ready';
const beginWord = 'begin';

/** A program of the run in a process of its own: it begins when it is told to, hears words, and answers once, in the end. */
export class Child<Answer> {
  readonly answer: Promise<Answer>;
  readonly #ready: Promise<unknown>;
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown>;

  /** @param program the name of its file in this folder */
  constructor(program: string, options: object) {
    const path = join(import.meta.dirname, `${program}.ts`);
    this.#process = fork(path, [JSON.stringify(options)], { execArgv: [...process.execArgv, '--max-semi-space-size=32'] });
    this.#exited = once(this.#process, 'exit');
    this.#ready = once(this.#process, 'message');
    this.answer = new Promise((resolve, reject) => {
      this.#process.on('message', (message) => message !== readyWord && resolve(message as Answer));
      this.#process.once('exit', (code, signal) => reject(new Error(`${program} ended with ${signal ?? code} and no answer`)));
    });
    this.answer.catch(() => {}); // whoever waits for it is told
  }

  /** Resolves when it can begin. @throws Error when it ends before that */
  async ready(): Promise<void> {
    await Promise.race([this.#ready, this.answer]);
  }

  begin(): void {
    this.tell(beginWord);
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

/** Runs in the child: works once it is told to begin, sends the result, and ends. A child whose parent is gone ends too. */
export async function answerParent(work: () => Promise<unknown>): Promise<void> {
  process.once('disconnect', () => process.exit());
  const begun = new Promise<void>((resolve) => process.on('message', (word) => word === beginWord && resolve()));
  process.send?.(readyWord);
  await begun;
  const message = await work();
  process.send?.(message, () => process.disconnect());
}
