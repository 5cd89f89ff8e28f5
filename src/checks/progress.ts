/** Tells how far a check is; never falls, from 0 to 99: that it is done is told by its result. */
export class Progress {
  readonly #tell: (percent: number, message: string) => void;
  #percent = 0;
  #message = '';

  constructor(tell: (percent: number, message: string) => void) {
    this.#tell = tell;
  }

  /** What was told last. */
  get message(): string {
    return this.#message;
  }

  report(percent: number, message: string): void {
    this.#percent = Math.max(this.#percent, Math.min(99, Math.floor(percent)));
    this.#message = message;
    this.#tell(this.#percent, message);
  }
}
