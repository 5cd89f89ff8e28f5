/** What has to be undone in the end. */
export class Cleanup {
  readonly #steps: (() => Promise<unknown>)[] = [];

  /** A step that comes before those that are known already. */
  before(step: () => Promise<unknown>): void {
    this.#steps.unshift(step);
  }

  /** Does all steps, also where one fails; each of them once. @throws the first error */
  async run(): Promise<void> {
    const errors: unknown[] = [];
    for (let step = this.#steps.shift(); step !== undefined; step = this.#steps.shift())
      await step().catch((error: unknown) => errors.push(error));
    if (errors.length > 0) throw errors[0];
  }
}
