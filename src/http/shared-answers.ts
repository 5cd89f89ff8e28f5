import { type DocumentNode, type ExecutionArgs, type ExecutionResult, execute, type GraphQLError } from 'graphql';
import { type Context, sharedContext } from '../context.ts';
import type { AssessmentUpdate } from '../store/index.ts';
import { sharingKey } from './sharing-key.ts';

/** What an update is answered with: JSON in UTF-8, the same for all; or a result with errors, which are told to each request as its own. */
export interface Answer {
  readonly update: AssessmentUpdate;
  readonly shown: Buffer | ExecutionResult;
}

/** How much of what was answered is kept for those who come to the same update later, in bytes. */
const keptBytes = 16 * 1024 * 1024;
/** How much is answered for one reader before it has to take it, in bytes, as far as that can be foreseen; and how many updates. */
const batchBytes = 128 * 1024;
const batchSize = 64;
/** As long as nothing is known about the size of answers. */
const firstBatchSize = 4;

/** The answers to updates, shared by all subscriptions of this process that are answered alike. */
export class SharedAnswers {
  readonly #byDocument = new WeakMap<DocumentNode, Map<string, OperationAnswers>>();
  readonly #kept = new KeptAnswers();
  #readers = 0;

  /** How many subscriptions there are. */
  get readers(): number {
    return this.#readers;
  }

  /** The answers for a subscription; `leave` them in the end. */
  join(args: ExecutionArgs): OperationAnswers {
    const operations = this.#byDocument.get(args.document) ?? new Map<string, OperationAnswers>();
    this.#byDocument.set(args.document, operations);
    const key = sharingKey(args);
    const answers = operations.get(key) ?? this.#answersOf(args, () => operations.delete(key));
    operations.set(key, answers);
    this.#readers += 1;
    answers.join();
    return answers;
  }

  #answersOf(args: ExecutionArgs, onUnused: () => void): OperationAnswers {
    const onLeave = (): void => {
      this.#readers -= 1;
    };
    return new OperationAnswers({ args, kept: this.#kept, onUnused, onLeave });
  }
}

interface OperationAnswersOptions {
  args: ExecutionArgs;
  kept: KeptAnswers;
  /** The last reader has left. */
  onUnused: () => void;
  /** A reader has left. */
  onLeave: () => void;
}

/** The answers to updates for one operation with its variables and rights: each update is executed, and made JSON, once for all readers. */
export class OperationAnswers {
  readonly #args: ExecutionArgs;
  readonly #kept: KeptAnswers;
  readonly #onUnused: () => void;
  readonly #onLeave: () => void;
  readonly #known: Known = new Map();
  #readers = 0;
  #batchSize = firstBatchSize;

  constructor({ args, kept, onUnused, onLeave }: OperationAnswersOptions) {
    this.#args = args;
    this.#kept = kept;
    this.#onUnused = onUnused;
    this.#onLeave = onLeave;
  }

  /** How many updates a reader should have answered at a time. */
  get batchSize(): number {
    return this.#batchSize;
  }

  join(): void {
    this.#readers += 1;
  }

  leave(): void {
    this.#readers -= 1;
    this.#onLeave();
    if (this.#readers > 0) return;
    this.#kept.forget(this.#known);
    this.#onUnused();
  }

  /** The answers to updates that were taken together, in their order; what they have to read is read together. */
  to(updates: readonly AssessmentUpdate[]): (Answer | Promise<Answer>)[] {
    let context: Context | undefined;
    return updates.map((update) => {
      const known = this.#known.get(update);
      if (known !== undefined) return known;
      context ??= sharedContext(this.#args.contextValue as Context);
      return this.#answer(update, context);
    });
  }

  #answer(update: AssessmentUpdate, contextValue: Context): Answer | Promise<Answer> {
    const answered = (result: ExecutionResult): Answer => this.#keep(answerOf(update, result));
    const failed = (error: unknown): Answer => this.#keep(answerOf(update, { errors: [error as GraphQLError] }));
    try {
      const result = execute({ ...this.#args, rootValue: update, contextValue });
      if (!(result instanceof Promise)) return answered(result);
      const answer = result.then(answered, failed);
      this.#known.set(update, answer);
      return answer;
    } catch (error) {
      return failed(error);
    }
  }

  #keep(answer: Answer): Answer {
    const { update, shown } = answer;
    this.#known.delete(update);
    if (!Buffer.isBuffer(shown)) return answer; // what went wrong once may go right the next time
    this.#batchSize = Math.max(1, Math.min(batchSize, this.#batchSize * 2, Math.floor(batchBytes / shown.length)));
    if (this.#readers > 1 && isShared(update)) this.#kept.add(this.#known, answer);
    return answer;
  }
}

type Known = Map<AssessmentUpdate, Answer | Promise<Answer>>;

/** The newest answers of all operations, as many as may be kept. */
class KeptAnswers {
  readonly #owners = new Map<Answer, Known>();
  #bytes = 0;

  add(owner: Known, answer: Answer): void {
    owner.set(answer.update, answer);
    this.#owners.set(answer, owner);
    this.#bytes += sizeOf(answer);
    for (const [oldest, of] of this.#owners) {
      if (this.#bytes <= keptBytes) break;
      this.#remove(oldest, of);
    }
  }

  forget(owner: Known): void {
    for (const answer of owner.values()) if (!(answer instanceof Promise)) this.#remove(answer, owner);
  }

  #remove(answer: Answer, owner: Known): void {
    if (!this.#owners.delete(answer)) return;
    owner.delete(answer.update);
    this.#bytes -= sizeOf(answer);
  }
}

/** Each reader begins with a snapshot of its own. */
const isShared = ({ kind }: AssessmentUpdate): boolean => kind !== 'SNAPSHOT';

/** With the update, and what stands around both. */
const sizeOf = ({ shown }: Answer): number => (Buffer.isBuffer(shown) ? shown.length : 0) + 2_000;

const answerOf = (update: AssessmentUpdate, result: ExecutionResult): Answer => ({
  update,
  shown: result.errors === undefined ? Buffer.from(JSON.stringify(result)) : result,
});
