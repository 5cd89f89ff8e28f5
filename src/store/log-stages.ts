import { isReached, isSamePoint, type LogPoint } from './log-point.ts';

/** So many changes lie between two stages, about; a feed that comes from elsewhere reads at most so many by itself until it meets others. */
const stageSize = 2_000;
/** So many stages are remembered. */
const mostStages = 1_000;

/**
 * Points of the log that this process has passed, every so many changes. A replay goes from one to the next, whoever reads and wherever
 * it began: so those who replay the same part of the log read the same pages of it, and one reading serves all.
 */
export class LogStages {
  #points: LogPoint[] = [];
  #since = 0;

  /** So many changes were read; `begins` is the point before them, unless they go on with a step. */
  pass(begins: LogPoint | undefined, changes: number): void {
    if (begins !== undefined && (this.#since >= stageSize || this.#points.length === 0)) this.#add(begins);
    this.#since += changes;
  }

  /** The first of all; the given point becomes it where there is none. */
  first(otherwise: LogPoint): LogPoint {
    if (this.#points.length === 0) this.#add(otherwise);
    return this.#points[0] as LogPoint;
  }

  /** The next stage from a point; undefined when there is none beyond it. */
  next(from: LogPoint): LogPoint | undefined {
    let [low, high] = [0, this.#points.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isBeyond(this.#points[middle] as LogPoint, from)) high = middle;
      else low = middle + 1;
    }
    return this.#points[low];
  }

  /** Forgets all: from now on it matters whether a replay from the beginning set out before now. */
  clear(): void {
    this.#points = [];
  }

  #add(point: LogPoint): void {
    this.#since = 0;
    this.#points.push(point);
    if (this.#points.length > mostStages) this.#points.shift();
  }
}

const isBeyond = (point: LogPoint, from: LogPoint): boolean => isReached(from, point) && !isSamePoint(from, point);
