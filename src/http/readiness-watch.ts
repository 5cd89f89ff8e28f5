/** Load balancers ask again within this time, in milliseconds. */
const longestPauseMs = 65_000;

/** Whether anybody decides by readiness who is sent here. A load balancer asks again and again; once may have been somebody curious. */
export class ReadinessWatch {
  #last = Number.NEGATIVE_INFINITY;
  #beforeLast = Number.NEGATIVE_INFINITY;

  /** To be called whenever somebody asks. */
  asked(): void {
    this.#beforeLast = this.#last;
    this.#last = performance.now();
  }

  isWatched(): boolean {
    return performance.now() - this.#beforeLast < 2 * longestPauseMs;
  }
}
