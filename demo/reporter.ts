/**
 * Sends what it is told one after the other, in its order, without keeping the teller waiting. A report that fails is the last: nothing is
 * sent after it, `onFailure` is called, and `flush` throws it.
 */
export class Reporter<Report> {
  readonly #send: (report: Report) => Promise<void>;
  readonly #onFailure: (error: unknown) => void;
  #sent: Promise<void> = Promise.resolve();

  constructor(send: (report: Report) => Promise<void>, onFailure: (error: unknown) => void) {
    this.#send = send;
    this.#onFailure = onFailure;
  }

  tell(report: Report): void {
    this.#sent = this.#sent.then(() => this.#send(report));
    this.#sent.catch(this.#onFailure);
  }

  /** Waits until all is sent. @throws what a report failed with */
  flush(): Promise<void> {
    return this.#sent;
  }
}
