import type { Change } from './announce.ts';
import type { Actor, Assessment } from './assessment.ts';
import { claimAssessments } from './claim-assessments.ts';
import { ClaimDesk, type ClaimRequest } from './claim-desk.ts';
import type { ClaimedAssessment, HeartbeatResult, ReleaseResult } from './claimed.ts';
import { type Database, repeatAfterConflict } from './database.ts';
import { UnavailableError } from './errors.ts';
import { expireClaims } from './expire-claims.ts';
import { heartbeat } from './heartbeat.ts';
import type { Hub } from './hub.ts';
import { checkInput } from './inputs.ts';
import type { Logger } from './logger.ts';
import { MaintenanceLoop } from './maintenance-loop.ts';
import {
  type ClaimAssessments,
  claimAssessmentsSchema,
  defaultLeaseMs,
  type Heartbeat,
  heartbeatSchema,
  type ReleaseAssessments,
  releaseAssessmentsSchema,
} from './queue-inputs.ts';
import { readyRetries } from './ready-retries.ts';
import { type ReleaseOutcome, releaseAssessments } from './release-assessments.ts';
import type { StoreTelemetry } from './telemetry.ts';
import { type StoreTracer, traced } from './tracer.ts';
import type { RetryPolicy } from './transition-assessments.ts';
import { UnderWay } from './under-way.ts';
import { type WorkNotice, workIn } from './work.ts';

export interface QueueOptions {
  db: Database;
  hub: Hub;
  /** Tells everybody of what was committed. */
  announce: (changes: readonly Change[]) => void;
  telemetry: StoreTelemetry;
  tracer: StoreTracer | undefined;
  log: Logger;
  retry: RetryPolicy;
  /** How often workers that wait are looked after without having been told of work, in milliseconds. */
  reconcileMs: number;
  /** Longest pause of the maintenance loops, in milliseconds. */
  maintenanceMs: number;
  /** How long a release tries to get at a row that somebody else holds locked, in milliseconds. */
  lockPatienceMs: number;
}

const allTypes = ['COMPLIANCE', 'HEALTH', 'SECURITY'] as const;

/** The work queue: claims and their leases, and the loops by which nothing stays stuck. */
export class Queue {
  readonly #options: QueueOptions;
  readonly #desk: ClaimDesk;
  readonly #leases: MaintenanceLoop;
  readonly #retries: MaintenanceLoop;
  readonly #underWay = new UnderWay();

  constructor(options: QueueOptions) {
    const { db, log, reconcileMs, maintenanceMs: everyMs, telemetry, tracer } = options;
    this.#options = options;
    this.#desk = new ClaimDesk({
      execute: async (statement, requests) => {
        telemetry.batch('claimAssessments', statement.shares.length);
        const shares = await this.#underWay.track(
          traced(tracer, 'claimAssessments', requests, () => repeatAfterConflict(() => claimAssessments(db, statement))),
        );
        this.#noteClaims(shares.claims.flat());
        return shares;
      },
      release: (claims, { workerId, actor }) => this.#underWay.track(this.#giveBack(claims, workerId, actor)),
      ...{ reconcileMs, log },
    });
    this.#leases = new MaintenanceLoop({ name: 'leases and timeouts', round: (limit) => this.#expire(limit), everyMs, log });
    this.#retries = new MaintenanceLoop({ name: 'due retries', round: (limit) => this.#makeReady(limit), everyMs, log });
  }

  start(): void {
    this.#desk.start();
    this.#leases.start();
    this.#retries.start();
  }

  /** Answers everybody who waits for work with nothing; claims no more. */
  endWaits(): void {
    this.#desk.stop();
  }

  /** Lets the statements under way finish. */
  async stop(): Promise<void> {
    this.#desk.stop();
    await this.#underWay.idle();
    await Promise.all([this.#leases.stop(), this.#retries.stop()]);
  }

  /** How many workers wait for work here. */
  get waiting(): number {
    return this.#desk.waiting;
  }

  async claim(input: ClaimAssessments, actor: Actor, signal?: AbortSignal, onWait?: () => void): Promise<ClaimedAssessment[]> {
    const { workerId, limit, types, leaseMs, waitMs } = checkInput(claimAssessmentsSchema, input);
    const wanted = allTypes.filter((type) => types?.includes(type) ?? true);
    const request: ClaimRequest = {
      ...{ actor, workerId, limit: limit ?? 1, types: wanted, leaseMs: leaseMs ?? defaultLeaseMs, waitMs: waitMs ?? 0, onWait },
    };
    this.#options.tracer?.join(request);
    return this.#desk.claim(request, signal);
  }

  async heartbeat(input: Heartbeat, actor: Actor): Promise<HeartbeatResult[]> {
    const { leaseMs, ...checked } = checkInput(heartbeatSchema, input);
    if (checked.claimTokens.length === 0) return [];
    this.#options.telemetry.batch('heartbeat', checked.claimTokens.length);
    return this.#underWay.track(
      repeatAfterConflict(() => heartbeat(this.#options.db, { ...checked, leaseMs: leaseMs ?? defaultLeaseMs }, actor)),
    );
  }

  async release(input: ReleaseAssessments, actor: Actor): Promise<ReleaseResult[]> {
    const { workerId, claimTokens, reason } = checkInput(releaseAssessmentsSchema, input);
    const released = await this.#underWay.track(this.#releaseAll(workerId, claimTokens, reason ?? null, actor));
    return claimTokens.map((claimToken) => ({ claimToken, released: released.has(claimToken.toLowerCase()) }));
  }

  /** What a command has committed: work for those who wait, and retries to be looked after in time. */
  note(assessments: readonly Assessment[]): void {
    const work = workIn(assessments);
    if (work.length > 0) this.#tellOfWork(work);
    for (const { state, nextRetryAt, timeoutMs, startedAt, claimedBy } of assessments) {
      if (state === 'PROCESSING' && timeoutMs !== null && claimedBy === null)
        this.#leases.expect((startedAt?.getTime() ?? Date.now()) + timeoutMs - Date.now());
      if (state === 'PENDING' && nextRetryAt !== null) this.#retries.expect(nextRetryAt.getTime() - Date.now());
    }
  }

  /** Work that another process tells of. */
  offer(work: readonly WorkNotice[]): void {
    this.#desk.offer(work);
  }

  /** Word of work may have been lost. */
  reconcile(): void {
    this.#desk.reconcile();
  }

  /** Ends all attempts whose lease has run out or that took too long; gives how many there were. */
  expireClaims(): Promise<number> {
    return this.#leases.runOnce();
  }

  /** Makes all retries ready whose time has come; gives how many there were. */
  readyRetries(): Promise<number> {
    return this.#retries.runOnce();
  }

  async #expire(limit: number): Promise<{ done: number; nextInMs: number | null }> {
    const { assessments, nextInMs } = await expireClaims(this.#options.db, limit, this.#options.retry);
    if (assessments.length > 0) this.#options.telemetry.expired(assessments.length);
    this.#tell(assessments, 'PROCESSING');
    return { done: assessments.length, nextInMs };
  }

  async #makeReady(limit: number): Promise<{ done: number; nextInMs: number | null }> {
    const { work, nextInMs } = await readyRetries(this.#options.db, limit);
    if (work.length > 0) this.#tellOfWork(work);
    return { done: work.reduce((sum, { count }) => sum + count, 0), nextInMs };
  }

  #noteClaims(claims: readonly ClaimedAssessment[]): void {
    const assessments = claims.map(({ assessment: { requestData: _, ...assessment } }) => assessment);
    this.#tell(assessments, 'PENDING');
    const now = Date.now();
    for (const { claimExpiresAt, timeoutMs } of assessments) {
      this.#leases.expect(Math.min((claimExpiresAt?.getTime() ?? now) - now, timeoutMs ?? Number.POSITIVE_INFINITY));
    }
  }

  #tell(assessments: readonly Assessment[], previousState: Assessment['state']): void {
    this.#options.announce(assessments.map((assessment) => ({ assessment, previousState })));
  }

  #tellOfWork(work: readonly WorkNotice[]): void {
    this.#desk.offer(work);
    this.#options.hub.publishWork(work);
  }

  async #giveBack(claims: readonly ClaimedAssessment[], workerId: string, actor: Actor): Promise<void> {
    const tokens = claims.map(({ claimToken }) => claimToken);
    await this.#releaseAll(workerId, tokens, 'the worker was gone before it had the claim', actor);
  }

  /** Gives back what is held; what somebody else holds locked is tried again for a while, and then left to its lease. */
  async #releaseAll(workerId: string, claimTokens: readonly string[], reason: string | null, actor: Actor): Promise<Set<string>> {
    const released = new Set<string>();
    const deadline = performance.now() + this.#options.lockPatienceMs;
    for (let left = claimTokens, delayMs = 2; left.length > 0; delayMs = Math.min(delayMs * 2, 100)) {
      this.#options.telemetry.batch('releaseAssessments', left.length);
      const outcomes = await repeatAfterConflict(() =>
        releaseAssessments(this.#options.db, { workerId, claimTokens: left, reason }, actor),
      );
      this.#tell(outcomes.flatMap(assessmentOf), 'PROCESSING');
      for (const { claimToken, outcome } of outcomes) if (outcome === 'RELEASED') released.add(claimToken);
      left = outcomes.flatMap(({ claimToken, outcome }) => (outcome === 'LOCKED' ? [claimToken] : []));
      if (left.length > 0 && performance.now() > deadline) {
        throw new UnavailableError(
          'TIMEOUT',
          `${left.length} of the claims are locked by another transaction; they keep their leases.`,
          1_000,
        );
      }
      if (left.length > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    }
    return released;
  }
}

const assessmentOf = (outcome: ReleaseOutcome): Assessment[] => (outcome.outcome === 'RELEASED' ? [outcome.assessment] : []);
