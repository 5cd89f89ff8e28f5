import { type Client, createClient } from 'graphql-ws';
import { afterAll, expect, test } from 'vitest';
import WebSocket from 'ws';
import { Balancer } from '../support/balancer.ts';
import { eventually } from '../support/eventually.ts';
import { EventFeed, type MovingFeed, SocketFeed } from '../support/moving-feeds.ts';
import { endServices, sendTo, startService } from '../support/service-process.ts';
import { createTestDatabase } from '../support/test-database.ts';

const waiters = 200;
const writers = 8;
const feedsOfEach = 8;
/** The first half is for the load balancer, the second for the sockets. */
const drainMs = 3_000;

afterAll(endServices);

const create = 'mutation ($id: String!) { createAssessment(input: { assessmentId: $id, type: HEALTH }) { __typename } }';
const begin = 'mutation ($id: String!) { startProcessing(input: { assessmentId: $id }) { __typename } }';
const advance = 'mutation ($id: String!, $to: Int!) { updateProgress(input: { assessmentId: $id, progress: $to }) { __typename } }';
const finish = 'mutation ($id: String!) { completeAssessment(input: { assessmentId: $id, result: {} }) { __typename } }';
const updated = 'subscription ($id: String!) { assessmentUpdated(assessmentId: $id) { assessment { state version } } }';
const wait =
  'query ($id: String!) { waitForAssessment(assessmentId: $id, timeoutMs: 600000) { ... on WaitForAssessmentPayload { assessment { state } } } }';

/** One that waits over a socket of its own, as people do it: with graphql-ws, which connects again by itself. */
class Waiter {
  readonly versions: number[] = [];
  readonly closes: { code: number; at: number }[] = [];
  readonly ended: Promise<string | undefined>;
  #opened = 0;
  readonly #client: Client;

  constructor(url: string, id: string) {
    this.#client = createClient({
      url: url.replace('http', 'ws'),
      webSocketImpl: WebSocket,
      retryAttempts: 100,
      shouldRetry: () => true,
      retryWait: () => new Promise((resolve) => setTimeout(resolve, 50)),
      on: {
        connected: () => void this.#opened++,
        closed: (event) => void this.closes.push({ code: (event as { code: number }).code, at: performance.now() }),
      },
    });
    this.ended = this.#read(id);
  }

  get connections(): number {
    return this.#opened;
  }

  async #read(id: string): Promise<string | undefined> {
    let last: string | undefined;
    for await (const { data, errors } of this.#client.iterate<{ assessmentUpdated: { assessment: { state: string; version: number } } }>({
      ...{ query: updated, variables: { id } },
    })) {
      expect(errors).toBeUndefined();
      this.versions.push(data?.assessmentUpdated.assessment.version ?? 0);
      last = data?.assessmentUpdated.assessment.state;
    }
    await this.#client.dispose();
    return last;
  }
}

/** Changes assessments one after the other until it is told to stop; every request that is not answered counts. */
class Writers {
  sent = 0;
  readonly failures: string[] = [];
  #stopped = false;
  readonly #running: Promise<unknown>;

  constructor(url: string, ids: readonly string[]) {
    const progress = new Map<string, number>();
    const write = async (from: number): Promise<void> => {
      for (let index = from; !this.#stopped; index += writers) {
        const id = ids[index % ids.length] ?? '';
        const to = Math.min(99, (progress.get(id) ?? 0) + 1);
        progress.set(id, to);
        this.sent += 1;
        await sendTo(url, advance, { id, to }).then(
          ({ errors }) => errors && this.failures.push(JSON.stringify(errors)),
          (error: Error) => void this.failures.push(`${error.message}: ${String(error.cause)}`),
        );
      }
    };
    this.#running = Promise.all(Array.from({ length: writers }, (_, from) => write(from)));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }
}

/** Each feed has every version once, and those of each assessment in order. */
function expectWhole(feeds: readonly MovingFeed[], versions: readonly string[]): void {
  const expected = versions.toSorted();
  for (const feed of feeds) {
    expect(feed.refusals).toEqual([]);
    expect(feed.versions.toSorted()).toEqual(expected);
    const latest = new Map<string, number>();
    for (const name of feed.versions) {
      const [id = '', version] = name.split(' ');
      expect(Number(version), `${name} after ${latest.get(id)}`).toBe((latest.get(id) ?? 0) + 1);
      latest.set(id, Number(version));
    }
  }
}

test('an instance that is stopped under load: waiters and feeds go on at the other one, a few at a time, and no request fails', async () => {
  const database = await createTestDatabase();
  const environment = { DATABASE_URL: database.url, DRAIN_MS: String(drainMs), RECONCILE_MS: '200' };
  const instances = [startService(environment), startService(environment)] as const;
  const urls = [await instances[0].ready(), await instances[1].ready()] as const;
  const balancer = await Balancer.before(urls);
  const { data } = await sendTo<{ feedCursor: string }>(balancer.url, '{ feedCursor }');
  // Each kind by itself: the load balancer sends every other connection to each instance.
  const feeds = [SocketFeed, EventFeed].flatMap((Feed) =>
    Array.from({ length: feedsOfEach }, () => new Feed(balancer.url, data.feedCursor).start()),
  );
  const ids = Array.from({ length: waiters }, (_, number) => `drain-${number}`);
  await Promise.all(ids.map((id) => sendTo(balancer.url, create, { id })));
  await Promise.all(ids.map((id) => sendTo(balancer.url, begin, { id })));
  const all = ids.map((id) => new Waiter(balancer.url, id));
  await eventually('all wait', () => all.every(({ versions }) => versions.length > 0));
  const load = new Writers(balancer.url, ids);
  const overHttp = sendTo<{ waitForAssessment: { assessment: { state: string } } }>(balancer.url, wait, { id: ids[0] });
  await eventually('it is under load', () => load.sent > 200);

  instances[0].signal('SIGTERM');
  // Some end while the instance drains, wherever their waiters are by then; the rest afterwards.
  await eventually('the load balancer has noticed', () => !balancer.uses(urls[0]));
  expect((await fetch(new URL('/health/live', urls[0]))).status).toBe(200);
  for (const id of ids.slice(0, 50)) await sendTo(balancer.url, finish, { id });
  expect(await instances[0].ended()).toMatchObject({ code: 0, signal: null });
  await load.stop();
  for (const id of ids.slice(50)) await sendTo(balancer.url, finish, { id });

  expect(new Set(await Promise.all(all.map(({ ended }) => ended)))).toEqual(new Set(['COMPLETED']));
  expect(await overHttp).toEqual({ data: { waitForAssessment: { assessment: { state: 'COMPLETED' } } } });
  expect(load.failures).toEqual([]);
  for (const { versions } of all) expect(versions).toEqual(versions.toSorted((a, b) => a - b));

  const psql = await database.connect();
  const { rows } = await psql.query<{ name: string }>("select assessment_id || ' ' || version_to as name from assessment_state_audit");
  await eventually('the feeds have caught up', () => feeds.every(({ versions }) => versions.length >= rows.length), 30_000);
  for (const feed of feeds) await feed.stop();
  expectWhole(
    feeds,
    rows.map(({ name }) => name),
  );
  expect(feeds.filter((feed) => feed instanceof SocketFeed && feed.pieces > 1).length).toBeGreaterThan(0);
  expect(feeds.filter((feed) => feed instanceof EventFeed && feed.pieces > 1).length).toBeGreaterThan(0);

  // Those of the stopped instance were told to go, none was cut off, and they did not all come back in the same moment.
  const moved = all.filter(({ connections }) => connections > 1);
  expect(moved.length).toBeGreaterThan(waiters / 4);
  const firstCloses = moved.flatMap(({ closes }) => closes.slice(0, 1));
  expect(new Set(firstCloses.map(({ code }) => code))).toEqual(new Set([1001]));
  const times = firstCloses.map(({ at }) => at);
  expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(200);

  expect((await instances[1].end()).code).toBe(0);
  await balancer.stop();
  await database.drop();
}, 120_000);

test('a second signal, some time after the first, ends the drain', async () => {
  const database = await createTestDatabase();
  const service = startService({ DATABASE_URL: database.url, DRAIN_MS: '600000' });
  const url = await service.ready();
  for (let round = 0; round < 2; round++) expect((await fetch(new URL('/health/ready', url))).status).toBe(200);
  service.signal('SIGTERM');
  await eventually('it drains', () => service.printed().out.includes('draining'));
  const impatience = setInterval(() => service.signal('SIGINT'), 100);
  expect(await service.ended()).toMatchObject({ code: 0, signal: null, err: '' });
  clearInterval(impatience);
  await database.drop();
});
