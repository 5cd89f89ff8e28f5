import type { Logger } from '../store/index.ts';
import type { Claim } from './claim.ts';
import type { WorkClient, WorkUpdate, WorkUpdates } from './work-client.ts';

export interface CancelWatchesOptions {
  client: WorkClient;
  workerId: string;
  /** The assessment was changed so that the claim can't be held any more. */
  onLost: (claim: Claim, cancelled: boolean) => void;
  log: Logger;
}

const maxRetryMs = 30_000;

/** Watches what handlers work on, so that a cancellation reaches them at once. Where that does not work, the heartbeat brings it. */
export class CancelWatches {
  readonly #options: CancelWatchesOptions;

  constructor(options: CancelWatchesOptions) {
    this.#options = options;
  }

  /** Begins to watch, unless that is done already or was tried a moment ago. */
  begin(claim: Claim, now: number): void {
    if (claim.watch !== undefined || now < claim.watchDueAt) return;
    claim.watch = 'OPENING';
    void this.#follow(claim);
  }

  /** Ends the watch, if there is one. */
  end(claim: Claim): void {
    if (claim.watch === undefined || claim.watch === 'OPENING') return;
    void Promise.resolve(claim.watch.return()).catch(() => {});
    claim.watch = undefined;
  }

  async #follow(claim: Claim): Promise<void> {
    const { assessmentId } = claim.assessment;
    try {
      const updates: WorkUpdates = await this.#options.client.watchAssessment({ assessmentId });
      claim.watch = updates;
      if (!isActive(claim)) this.end(claim);
      else for await (const update of updates) this.#heed(claim, update);
    } catch (error) {
      this.#options.log.debug(
        { err: error, assessmentId },
        'an assessment can not be watched for its cancellation; the heartbeat will tell of it',
      );
    } finally {
      claim.watch = undefined;
      claim.watchDueAt = performance.now() + claim.watchRetryMs;
      claim.watchRetryMs = Math.min(claim.watchRetryMs * 2, maxRetryMs);
    }
  }

  #heed(claim: Claim, { assessment }: WorkUpdate): void {
    if (!isActive(claim) || assessment.version < claim.assessment.version) return;
    const isOurs = assessment.state === 'PROCESSING' && assessment.claimedBy === this.#options.workerId;
    if (!isOurs) this.#options.onLost(claim, assessment.state === 'CANCELLED');
  }
}

const isActive = (claim: Claim): boolean => claim.phase === 'RUNNING' && claim.stopReason === undefined;
