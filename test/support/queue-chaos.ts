import fc from 'fast-check';
import { type Actor, type AssessmentStore, RefusalError } from '../../src/store/index.ts';

/** One thing that an actor does; `pick` chooses among the rows and tokens that there are by then. */
export interface Act {
  what:
    | 'claim'
    | 'progress'
    | 'complete'
    | 'fail'
    | 'start'
    | 'cancel'
    | 'retry'
    | 'heartbeat'
    | 'release'
    | 'expire'
    | 'ready'
    | 'run out';
  pick: number;
  /** Which token a report carries: the one of the row's last known claim, any, or none. */
  token: 'latest' | 'any' | 'none';
  few: number;
}

const weights: Record<Act['what'], number> = {
  ...{ claim: 8, progress: 4, complete: 1, fail: 4, start: 1, cancel: 1, retry: 3 },
  ...{ heartbeat: 2, release: 2, expire: 2, ready: 2, 'run out': 3 },
};

export const anyAct: fc.Arbitrary<Act> = fc.record({
  what: fc.oneof(...Object.entries(weights).map(([what, weight]) => ({ weight, arbitrary: fc.constant(what as Act['what']) }))),
  pick: fc.nat(1_000),
  token: fc.constantFrom('latest', 'latest', 'latest', 'any', 'none'),
  few: fc.integer({ min: 1, max: 3 }),
});

/** A claim that somebody was given, by the version that it made. */
export interface GivenClaim {
  assessmentId: string;
  version: number;
  token: string;
  workerId: string;
}

/** A report that was accepted, with the version that it was answered with. */
export interface AcceptedReport {
  verb: 'progress' | 'complete' | 'fail';
  assessmentId: string;
  version: number;
  token: string | null;
}

/** What many actors do at once, and what they were told. */
export class Chaos {
  readonly keys: readonly string[];
  readonly claims: GivenClaim[] = [];
  readonly reports: AcceptedReport[] = [];
  readonly releases: string[] = [];
  /** The version that each claim had when its lease was made to run out. */
  readonly runOut = new Map<string, number>();
  /** Heartbeats that were told "held" although they began after the end of the claim had been answered. */
  readonly ghosts: string[] = [];
  readonly unexpected: unknown[] = [];
  readonly #stores: readonly AssessmentStore[];
  readonly #actor: Actor;
  readonly #ended = new Set<string>();

  constructor(stores: readonly AssessmentStore[], actor: Actor, keys: readonly string[]) {
    this.#stores = stores;
    this.#actor = actor;
    this.keys = keys;
  }

  /** Does the acts one after the other, as one worker. */
  async play(index: number, acts: readonly Act[]): Promise<void> {
    const store = this.#stores[index % this.#stores.length] as AssessmentStore;
    for (const act of acts) {
      try {
        await this.#do(store, `worker ${index}`, act);
      } catch (error) {
        if (!(error instanceof RefusalError)) this.unexpected.push(error);
      }
    }
  }

  async #do(store: AssessmentStore, workerId: string, act: Act): Promise<void> {
    const actor = { ...this.#actor, subject: workerId };
    const assessmentId = this.keys[act.pick % this.keys.length] ?? '';
    switch (act.what) {
      case 'claim':
        return this.#claim(store, workerId, act);
      case 'progress':
      case 'complete':
      case 'fail':
        return this.#report(store, workerId, act.what, act);
      case 'start':
        return void (await store.startProcessing({ assessmentId }, actor));
      case 'cancel':
        return act.few === 1 ? void (await store.cancelAssessment({ assessmentId }, actor)) : undefined;
      case 'retry':
        return void (await store.retryAssessment({ assessmentId }, actor));
      case 'heartbeat':
        return this.#heartbeat(store, workerId);
      case 'release':
        return this.#release(store, workerId, act);
      case 'expire':
        return void (await store.maintenance.expireClaims());
      case 'ready':
        return void (await store.maintenance.readyRetries());
      case 'run out':
        return this.#letRunOut(store, act);
      default:
        return act.what satisfies never;
    }
  }

  async #claim(store: AssessmentStore, workerId: string, { few, pick }: Act): Promise<void> {
    const given = await store.claimAssessments({ workerId, limit: few, waitMs: pick % 3, leaseMs: 60_000 }, this.#actor);
    for (const { assessment, claimToken: token } of given) {
      this.claims.push({ assessmentId: assessment.assessmentId, version: assessment.version, token, workerId });
    }
  }

  async #report(store: AssessmentStore, subject: string, verb: AcceptedReport['verb'], { pick, token, few }: Act): Promise<void> {
    const named = this.claims.at(-1 - (pick % Math.min(this.claims.length, this.keys.length))) ?? { assessmentId: this.keys[0] ?? '' };
    const { assessmentId } = named;
    const any = this.claims[pick % this.claims.length]?.token ?? null;
    const latest = this.claims.findLast((claim) => claim.assessmentId === assessmentId)?.token ?? null;
    const claimToken = { latest, any, none: null }[token];
    const [target, actor] = [
      { assessmentId, claimToken },
      { ...this.#actor, subject },
    ];
    const answer = {
      progress: () => store.updateProgress({ ...target, progress: pick % 101 }, actor),
      complete: () => store.completeAssessment({ ...target, result: { subject } }, actor),
      fail: () => store.failAssessment({ ...target, error: 'chaos error', retryable: few > 1 }, actor),
    }[verb]();
    const { version } = await answer;
    this.reports.push({ verb, assessmentId, version, token: claimToken });
    if (verb !== 'progress' && claimToken !== null) this.#ended.add(claimToken);
  }

  async #heartbeat(store: AssessmentStore, workerId: string): Promise<void> {
    const own = this.claims.filter((claim) => claim.workerId === workerId).map(({ token }) => token);
    const ended = new Set(own.filter((token) => this.#ended.has(token)));
    for (const { claimToken, held } of await store.heartbeat({ workerId, claimTokens: own }, this.#actor)) {
      if (held && ended.has(claimToken)) this.ghosts.push(claimToken);
    }
  }

  async #release(store: AssessmentStore, workerId: string, { pick, few }: Act): Promise<void> {
    const claimTokens = this.claims
      .filter((claim, index) => claim.workerId === workerId && (index + pick) % few === 0)
      .map(({ token }) => token);
    for (const { claimToken, released } of await store.releaseAssessments(
      { workerId, claimTokens, reason: 'chaos release' },
      this.#actor,
    )) {
      if (!released) continue;
      this.releases.push(claimToken);
      this.#ended.add(claimToken);
    }
  }

  async #letRunOut(store: AssessmentStore, { pick }: Act): Promise<void> {
    const token = this.claims.at(-1 - (pick % Math.min(this.claims.length, this.keys.length)))?.token;
    if (token === undefined) return;
    const [ended] = await store.database.$queryRaw<{ version: number }[]>`
      update assessment_states set claim_expires_at = clock_timestamp() - interval '1 millisecond'
      where claim_token = ${token}::uuid and claim_expires_at > clock_timestamp() returning version`;
    if (ended === undefined) return;
    this.runOut.set(token, ended.version);
    this.#ended.add(token);
  }
}
