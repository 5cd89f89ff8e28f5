import type { Change } from './announce.ts';
import type { TransitionVerb } from './transition-assessments.ts';

/** The statements that do many commands at a time. */
export const batchedStatements = [
  'createAssessments',
  'transitionAssessments',
  'changeNext',
  'claimAssessments',
  'releaseAssessments',
  'heartbeat',
] as const;
export type BatchedStatement = (typeof batchedStatements)[number];

/** How an update has come to those who watch: made here, told by another process, read in the log, or found by comparing with the database. */
export const deliveryWays = ['own', 'bus', 'log', 'reconcile'] as const;
export type DeliveryWay = (typeof deliveryWays)[number];

/** What the store tells of its work, for those who count. It is called on the way of every command: it must cost next to nothing, and not throw. */
export interface StoreTelemetry {
  /** A statement was answered, or failed, after so many milliseconds. Its name is the comment that it begins with. */
  statement(name: string, tookMs: number, failed: boolean): void;
  /** A statement for so many commands is sent. */
  batch(statement: BatchedStatement, size: number): void;
  /** What became of one command in its statement; LOCKED is tried again. */
  outcome(command: TransitionVerb | 'CREATE', outcome: string): void;
  /** This process has committed changes. */
  changes(changes: readonly Change[]): void;
  /** So many attempts were ended because their lease had run out or they had taken too long. */
  expired(count: number): void;
  /** An update has reached at least one watch, so many milliseconds after it was made, by the clock of the database. */
  delivered(way: DeliveryWay, lagMs: number): void;
  /** A watch has replaced an update that nobody had read by a newer one. */
  conflated(): void;
  /** Changes were read at the end of the log for feeds; the newest of them so many milliseconds after it was made. */
  fed(count: number, lagMs: number): void;
  /** So many changes were read from the database for feeds that are not in memory any more; several feeds may share them. */
  replayed(count: number): void;
  /** A feed has fallen out of the memory of newest changes, and goes on from the database. */
  fellBack(): void;
  /** So many assessments were looked for in a level of the cache, and so many found. */
  cacheRead(level: 'memory' | 'redis', asked: number, found: number): void;
}

const nothing = (): void => {};

/** Tells nobody. */
export const noTelemetry: StoreTelemetry = {
  ...{ statement: nothing, batch: nothing, outcome: nothing, changes: nothing, expired: nothing, delivered: nothing },
  ...{ conflated: nothing, fed: nothing, replayed: nothing, fellBack: nothing, cacheRead: nothing },
};

export type RedisConnection = 'publisher' | 'subscriber' | 'cache';

/** How the store stands now; reading it costs nothing. */
export interface StoreGauges {
  /** Watches of single assessments, waits among them; feeds; workers that wait for work. */
  watches: number;
  feeds: number;
  workersWaiting: number;
  /** Assessments in the memory cache. */
  cached: number;
  /** Database connections: open, of these idle; calls that wait for one; and the most that may be open. */
  pool: { open: number; idle: number; waiting: number; most: number };
  /** Whether each connection to Redis is up; none without Redis. */
  redis: { connection: RedisConnection; connected: boolean }[];
}
