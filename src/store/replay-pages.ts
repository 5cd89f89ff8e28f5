import { setImmediate as turn } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import type { Replayed } from './feed-log.ts';
import { sizeOf } from './feed-window.ts';
import { encodePlace, type LogPlace } from './log-place.ts';

/** What the pages that are kept may take, in bytes. */
const keptBytes = 32 * 1024 * 1024;
/** How long a page is kept that nobody asks for, in milliseconds. */
const keptMs = 60_000;

/**
 * Pages of replays that were read lately, for other feeds that come to the same place: a step has the same changes whoever reads it,
 * and however often. Who asks while a page is being read waits for that reading.
 */
export class ReplayPages {
  readonly #pages = new LRUCache<string, Replayed>({
    maxSize: keptBytes,
    sizeCalculation: ({ entries }) => 1_000 + sizeOf(entries),
    ttl: keptMs,
    updateAgeOnGet: true,
  });
  readonly #underWay = new Map<string, Promise<Replayed>>();

  /** The page that follows a place, of a tenant's changes. @throws what `read` throws; that is not kept. */
  async read(place: LogPlace, tenantId: string, read: () => Promise<Replayed>): Promise<Replayed> {
    const key = `${encodePlace(place)} ${tenantId}`;
    const kept = this.#pages.get(key);
    if (kept !== undefined) {
      await turn(); // a replay that finds all its pages here must not keep everybody else waiting
      return kept;
    }
    const underWay = this.#underWay.get(key) ?? this.#begin(key, read);
    return underWay;
  }

  clear(): void {
    this.#pages.clear();
    this.#underWay.clear();
  }

  #begin(key: string, read: () => Promise<Replayed>): Promise<Replayed> {
    const reading = read().then((page) => {
      if (this.#underWay.get(key) === reading) this.#pages.set(key, page);
      return page;
    });
    this.#underWay.set(key, reading);
    const end = (): void => {
      if (this.#underWay.get(key) === reading) this.#underWay.delete(key);
    };
    reading.then(end, end);
    return reading;
  }
}
