type Result<Value> = IteratorResult<Value, undefined>;

/** What has come and was not read yet, for one reader. */
export class Inbox<Value> {
  #values: Value[] = [];
  #reader: { resolve: (result: Result<Value>) => void; reject: (reason: unknown) => void } | undefined;
  #end: { error?: unknown } | undefined;

  get size(): number {
    return this.#values.length;
  }

  get first(): Value | undefined {
    return this.#values[0];
  }

  /** Puts a value behind the first `keep` of those that wait, in the place of all others. */
  put(value: Value, keep = this.#values.length): void {
    if (this.#end !== undefined) return;
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader !== undefined) reader.resolve({ done: false, value });
    else {
      this.#values.length = keep;
      this.#values.push(value);
    }
  }

  /** Nothing more comes; the reader is told when it has read what is here, or the error then. */
  end(end: { error?: unknown } = {}): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader === undefined) return;
    if ('error' in end) reader.reject(end.error);
    else reader.resolve({ done: true, value: undefined });
  }

  async next(): Promise<Result<Value>> {
    if (this.#values.length > 0) return { done: false, value: this.#values.shift() as Value };
    const end = this.#end;
    if (end === undefined) {
      return new Promise((resolve, reject) => {
        this.#reader = { resolve, reject };
      });
    }
    this.#end = {};
    if ('error' in end) throw end.error;
    return { done: true, value: undefined };
  }
}
