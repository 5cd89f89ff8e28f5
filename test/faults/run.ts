import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createAssessmentClient } from '../../src/client/index.ts';
import { type Checked, type CheckOptions, journalSuffix } from './check.ts';
import { Child } from './child.ts';
import type { Cleanup } from './cleanup.ts';
import { createRequestOf } from './create-request.ts';
import type { CrowdCounts, CrowdOptions } from './crowd.ts';
import { Dice } from './dice.ts';
import { type DriverCounts, type DriverOptions, worksOf } from './driver.ts';
import { carryOut, type Outage, planFaults } from './faults.ts';
import { type Installation, startInstallation } from './installation.ts';
import { endMarkPrefix } from './names.ts';
import type { Settings } from './settings.ts';
import { within } from './within.ts';

/** What a run gave. */
export interface Outcome {
  driver: DriverCounts;
  crowds: CrowdCounts[];
  outages: Outage[];
  checked: Checked;
  /** Instances that ended without having been killed by the run. */
  deaths: string[];
  /** How long the subscribers took after the last change, in milliseconds. */
  settledMs: number;
  hasSettled: boolean;
}

const crowds = 2;
/** How long each part of a run may take where the machine is busy, in milliseconds: the faults on top of the time that they are planned for. */
const most = { loadMs: 60_000, faultsMs: 120_000, endsMs: 180_000, settleMs: 180_000, stopMs: 30_000, checkMs: 120_000 };

/** One run: everything is started, changed, watched and disturbed until everybody knows all; then it is checked. */
export class Run {
  readonly #settings: Settings;
  readonly #folder: string;
  readonly #cleanup: Cleanup;
  readonly #tell: (text: string) => void;
  readonly #runMs: number;

  /**
   * @param folder for all that it writes
   * @param cleanup stops and ends what it starts
   * @param tell is told how it goes
   */
  constructor(settings: Settings, folder: string, cleanup: Cleanup, tell: (text: string) => void) {
    this.#settings = settings;
    this.#folder = folder;
    this.#cleanup = cleanup;
    this.#tell = tell;
    this.#runMs = settings.seconds * 1_000;
  }

  /** @throws Error when it could not be carried through */
  async outcome(): Promise<Outcome> {
    const installation = await startInstallation(this.#folder, this.#cleanup);
    const assessmentIds = await this.#createFirst(installation);
    const [driver, watchers] = [this.#startDriver(installation), this.#startCrowds(installation, assessmentIds)];
    const failure = failureOf([driver, ...watchers]);
    await Promise.all([driver, ...watchers].map((child) => within(most.loadMs, 'a child is ready', child.ready())));
    this.#tell(`${assessmentIds.length} assessments are there; updates begin`);
    for (const child of [driver, ...watchers]) child.begin();
    const outages = await Promise.race([this.#disturb(installation), failure]);
    driver.tell('over');
    const driven = await within(most.endsMs, 'every assessment has come to its end', Promise.race([driver.answer, failure]));
    this.#tell('every assessment has come to its end');
    await this.#markEnd(installation);
    const settled = await this.#settle(watchers);
    const checked = await this.#check(installation);
    return { driver: driven, outages, checked, deaths: installation.instances.flatMap(({ deaths }) => deaths), ...settled };
  }

  async #createFirst({ balancer }: Installation): Promise<string[]> {
    const works = worksOf({ ...this.#settings, runMs: this.#runMs });
    const assessmentIds = works.filter(({ stand }) => stand.state !== undefined).map(({ assessmentId }) => assessmentId);
    const client = createAssessmentClient({ url: balancer.url });
    const results = await client.batchCreateAssessments({ assessments: assessmentIds.map(createRequestOf) });
    await client.close();
    const refused = results.find((result) => result instanceof Error);
    if (refused !== undefined) throw refused;
    return assessmentIds;
  }

  #startDriver({ instances, balancer }: Installation): Child<DriverCounts> {
    const { seed, assessments, updatesPerSecond } = this.#settings;
    const urls = instances.map(({ url }) => url);
    const options: DriverOptions = { urls, url: balancer.url, seed, assessments, updatesPerSecond, runMs: this.#runMs };
    return this.#startChild('driver-process', options);
  }

  #startCrowds({ balancer }: Installation, assessmentIds: string[]): Child<CrowdCounts>[] {
    const { seed, subscribers } = this.#settings;
    return Array.from({ length: crowds }, (_, index) => {
      const name = `crowd-${index}`;
      const options: CrowdOptions = {
        ...{ name, url: balancer.url, seed, assessmentIds, runMs: this.#runMs },
        subscribers: Math.ceil(subscribers / crowds),
        journal: join(this.#folder, `${name}${journalSuffix}`),
      };
      return this.#startChild('crowd-process', options);
    });
  }

  /** Resolves when all faults are over, and the time too. */
  async #disturb(installation: Installation): Promise<Outage[]> {
    const plan = planFaults(new Dice(this.#settings.seed, 'faults'), this.#runMs);
    const faults = carryOut(plan, installation, (outage) => this.#tell(told(outage)));
    const [outages] = await Promise.all([within(this.#runMs + most.faultsMs, 'all faults are over', faults), sleep(this.#runMs)]);
    return outages;
  }

  /** The last change of all. */
  async #markEnd({ balancer }: Installation): Promise<void> {
    const client = createAssessmentClient({ url: balancer.url });
    await client.createAssessment({ assessmentId: `${endMarkPrefix}-${this.#settings.seed}`, type: 'HEALTH' });
    await client.close();
  }

  async #settle(watchers: readonly Child<CrowdCounts>[]): Promise<Pick<Outcome, 'crowds' | 'settledMs' | 'hasSettled'>> {
    const start = performance.now();
    const answers = Promise.all(watchers.map(({ answer }) => answer));
    for (const crowd of watchers) crowd.tell('calm');
    const hasSettled = await Promise.race([answers.then(() => true), sleep(most.settleMs, false, { ref: false })]);
    const settledMs = performance.now() - start;
    this.#tell(hasSettled ? 'every subscriber has what it came for' : 'some subscribers wait in vain');
    for (const crowd of watchers) crowd.tell('stop');
    return { crowds: await within(most.stopMs, 'the subscribers have stopped', answers), settledMs, hasSettled };
  }

  async #check({ postgres }: Installation): Promise<Checked> {
    const options: CheckOptions = { databaseUrl: postgres.url, folder: this.#folder, subscribers: this.#settings.subscribers };
    const checker = this.#startChild<Checked>('check-process', options);
    await within(most.loadMs, 'the checker is ready', checker.ready());
    checker.begin();
    return within(most.checkMs, 'the checker has an answer', checker.answer);
  }

  #startChild<Answer>(program: string, options: object): Child<Answer> {
    const child = new Child<Answer>(program, options);
    this.#cleanup.before(() => child.end());
    return child;
  }
}

/** Rejects as soon as one of them ends without an answer: nobody would hear what it should have heard. */
function failureOf(children: readonly Child<unknown>[]): Promise<never> {
  const failure = new Promise<never>((_, reject) => {
    for (const { answer } of children) answer.catch(reject);
  });
  failure.catch(() => {}); // whoever waits meanwhile is told
  return failure;
}

const told = ({ what, brokenAtMs, backAtMs }: Outage): string =>
  `${what} was away from ${(brokenAtMs / 1_000).toFixed(1)} s to ${(backAtMs / 1_000).toFixed(1)} s`;
