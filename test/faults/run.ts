import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AssessmentClient, createAssessmentClient } from '../../src/client/index.ts';
import { type Checked, type CheckOptions, journalSuffix } from './check.ts';
import { Child } from './child.ts';
import { createRequestOf } from './create-request.ts';
import type { CrowdCounts, CrowdOptions } from './crowd.ts';
import { Dice } from './dice.ts';
import { type DriverCounts, type DriverOptions, worksOf } from './driver.ts';
import { carryOut, type Outage, planFaults } from './faults.ts';
import { type Cleanup, type Installation, startInstallation } from './installation.ts';
import { endMarkPrefix } from './names.ts';
import type { Settings } from './settings.ts';

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
/** How long the subscribers may take for what they have not been told when the last change has been made. */
const settleMs = 180_000;
/** How much longer than planned the faults may take where the machine is busy. */
const faultsMs = 120_000;
/** How long the ends of the last assessments may take. */
const finishMs = 120_000;
const stopMs = 30_000;
const checkMs = 120_000;

/** Does a whole run: starts everything, lets it be disturbed, waits until everybody knows, and has it checked. */
export async function runFaults(settings: Settings, folder: string, cleanup: Cleanup, tell: (text: string) => void): Promise<Outcome> {
  const { seed, seconds } = settings;
  const installation = await startInstallation(folder, cleanup);
  const client = createAssessmentClient({ url: installation.balancer.url });
  cleanup.before(() => client.close());
  const assessmentIds = await createFirst(client, settings);
  tell(`${assessmentIds.length} assessments are there; updates begin`);
  const started = startCrowds(settings, installation, assessmentIds, folder, cleanup);
  const driver = startDriver(settings, installation, cleanup);
  const outages: Outage[] = [];
  const faults = carryOut(planFaults(new Dice(seed, 'faults'), seconds * 1_000), installation, (outage) => {
    outages.push(outage);
    tell(told(outage));
  });
  faults.catch(() => {}); // told of below
  const failure = failureOf([driver, ...started]);
  await Promise.race([Promise.all([sleep(seconds * 1_000), within(faultsMs + seconds * 1_000, 'all faults are over', faults)]), failure]);
  driver.tell('over');
  const driven = await within(finishMs, 'every assessment has come to its end', Promise.race([driver.answer, failure]));
  tell('every assessment has come to its end');
  await client.createAssessment({ ...createRequestOf(`${endMarkPrefix}-${seed}`), serverName: undefined });
  const settled = await settle(started);
  tell(settled.hasSettled ? 'every subscriber has what it came for' : 'some subscribers wait in vain');
  const checked = await checkAll(settings, installation, folder, cleanup);
  return { driver: driven, outages, checked, deaths: installation.instances.flatMap(({ deaths }) => deaths), ...settled };
}

async function createFirst(client: AssessmentClient, settings: Settings): Promise<string[]> {
  const works = worksOf({ ...settings, runMs: settings.seconds * 1_000 });
  const assessmentIds = works.filter(({ stand }) => stand.state !== undefined).map(({ assessmentId }) => assessmentId);
  const results = await client.batchCreateAssessments({ assessments: assessmentIds.map(createRequestOf) });
  const refused = results.find((result) => result instanceof Error);
  if (refused !== undefined) throw refused;
  return assessmentIds;
}

function startCrowds(
  { seed, seconds, subscribers }: Settings,
  { balancer }: Installation,
  assessmentIds: string[],
  folder: string,
  cleanup: Cleanup,
): Child<CrowdCounts>[] {
  return Array.from({ length: crowds }, (_, index) => {
    const name = `crowd-${index}`;
    const options: CrowdOptions = {
      ...{ name, url: balancer.url, seed, assessmentIds, runMs: seconds * 1_000 },
      subscribers: Math.ceil(subscribers / crowds),
      journal: join(folder, `${name}${journalSuffix}`),
    };
    return startChild('crowd-process', options, cleanup);
  });
}

function startDriver({ seed, seconds, assessments, updatesPerSecond }: Settings, { instances, balancer }: Installation, cleanup: Cleanup) {
  const options: DriverOptions = {
    ...{ urls: instances.map(({ url }) => url), url: balancer.url, seed, assessments, updatesPerSecond },
    runMs: seconds * 1_000,
  };
  return startChild<DriverCounts>('driver-process', options, cleanup);
}

async function settle(started: readonly Child<CrowdCounts>[]): Promise<Pick<Outcome, 'crowds' | 'settledMs' | 'hasSettled'>> {
  const start = performance.now();
  const answers = Promise.all(started.map(({ answer }) => answer));
  for (const crowd of started) crowd.tell('calm');
  const hasSettled = await Promise.race([answers.then(() => true), sleep(settleMs, false, { ref: false })]);
  const settledMs = performance.now() - start;
  for (const crowd of started) crowd.tell('stop');
  return { crowds: await within(stopMs, 'the subscribers have stopped', answers), settledMs, hasSettled };
}

async function checkAll({ subscribers }: Settings, { postgres }: Installation, folder: string, cleanup: Cleanup): Promise<Checked> {
  const options: CheckOptions = { databaseUrl: postgres.url, folder, subscribers };
  return within(checkMs, 'the checker has an answer', startChild<Checked>('check-process', options, cleanup).answer);
}

/** Rejects as soon as one of them ends without an answer: nobody would hear what it should have heard. */
function failureOf(children: readonly Child<unknown>[]): Promise<never> {
  const failure = new Promise<never>((_, reject) => {
    for (const { answer } of children) answer.catch(reject);
  });
  failure.catch(() => {});
  return failure;
}

function startChild<Answer>(program: string, options: object, cleanup: Cleanup): Child<Answer> {
  const child = new Child<Answer>(program, options);
  cleanup.before(() => child.end());
  return child;
}

async function within<Value>(ms: number, what: string, promise: Promise<Value>): Promise<Value> {
  const late = new AbortController();
  const timeout = sleep(ms, undefined, { signal: late.signal }).then(() => {
    throw new Error(`not within ${ms / 1_000} s: ${what}`);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    late.abort();
    timeout.catch(() => {});
  }
}

const told = ({ what, brokenAtMs, backAtMs }: Outage): string =>
  `${what} was away from ${(brokenAtMs / 1_000).toFixed(1)} s to ${(backAtMs / 1_000).toFixed(1)} s`;
