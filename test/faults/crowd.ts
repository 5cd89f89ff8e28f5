import { ClientSource } from './client-source.ts';
import { Dice } from './dice.ts';
import { Journal } from './journal.ts';
import { Mood } from './mood.ts';
import { pickSelection } from './pick-selection.ts';
import { SocketSource } from './socket-source.ts';
import { Sockets } from './sockets.ts';
import type { Source } from './source.ts';
import { Follower, type SubscriberOptions, Waiter } from './subscriber.ts';
import { Troublemaker } from './troublemaker.ts';

export interface CrowdOptions {
  /** Begins the names of its subscribers. */
  name: string;
  url: string;
  seed: number;
  /** How many there are at a time. */
  subscribers: number;
  /** Assessments that have been created. */
  assessmentIds: readonly string[];
  /** The file for what they are told. */
  journal: string;
  /** How long updates will be made, in milliseconds. */
  runMs: number;
}

/** What a crowd did, for the summary. */
export interface CrowdCounts {
  subscribers: number;
  sockets: number;
  stalls: number;
  cuts: number;
  /** Closes of sockets, by their codes. */
  closes: Record<string, number>;
}

/** How many subscribers of a crowd leave, and how many sockets are disturbed, in a second, however many there are: so many a machine can bear that come back. */
const leavesPerSecond = 30;
const disturbancesPerSecond = 4;
/** So many subscribers share a socket. */
const perSocket = 8;
const partOfFollowers = 0.3;
const partOnClient = 0.4;
/** Most arrive in this part of the run; some followers at any time in it. */
const arrival = 0.15;
const partOfLateFollowers = 0.3;
/** How long after its end a waiter mostly gives its place to another, in milliseconds. */
const meanRestMs = 4_000;

/** Many subscribers in one process. */
export class Crowd {
  readonly #options: CrowdOptions;
  readonly #journal: Journal;
  readonly #mood = new Mood();
  readonly #sockets: Sockets[] = [];
  readonly #troublemakers: Troublemaker[] = [];
  readonly #sources: { plain: Source[]; client: Source[] };
  #joined = 0;

  constructor(options: CrowdOptions) {
    this.#options = options;
    this.#journal = new Journal(options.journal);
    const { url, subscribers } = options;
    const sources = (part: number, create: (sockets: Sockets) => Source): Source[] =>
      Array.from({ length: Math.ceil((subscribers * part) / perSocket) }, () => create(this.#newSockets()));
    this.#sources = {
      plain: sources(1 - partOnClient, (sockets) => new SocketSource(url, sockets)),
      client: sources(partOnClient, (sockets) => new ClientSource(url, sockets)),
    };
  }

  /** Resolves with the counts when every subscriber has what it came for, or had to stop, and all is in the journal. */
  async run(): Promise<CrowdCounts> {
    const troubles = this.#troublemakers.map((troublemaker) => troublemaker.run());
    await Promise.all(Array.from({ length: this.#options.subscribers }, (_, index) => this.#place(index)));
    await Promise.all(troubles);
    await Promise.all([...this.#sources.plain, ...this.#sources.client].map((source) => source.stop()));
    await this.#journal.close();
    return this.#counts();
  }

  /** From now on everybody stays, and reads. */
  calm(): void {
    this.#mood.calm();
  }

  /** Ends it, whatever they still wait for. */
  stop(): void {
    this.#mood.stop();
  }

  /** The first two follow everything, from the beginning and from some moment on; of the others it is left to chance. */
  async #place(index: number): Promise<void> {
    const dice = new Dice(this.#options.seed, `${this.#options.name} ${index}`);
    const options = this.#optionsOf(index, dice, index === 0 ? 0 : index === 1 ? 1 : partOnClient);
    if (index < 2) return new Follower(options, { by: 'ALL' }, index === 0 ? '0' : await this.#now(options.source)).run();
    if (dice.chance(partOfFollowers)) return this.#follow(options);
    await this.#mood.whileRestless(dice.between(0, this.#options.runMs * arrival));
    return this.#waitAgainAndAgain(options);
  }

  async #follow(options: SubscriberOptions): Promise<void> {
    const { dice, source } = options;
    const { runMs, assessmentIds } = this.#options;
    await this.#mood.whileRestless(dice.between(0, dice.chance(partOfLateFollowers) ? runMs : runMs * arrival));
    const selection = pickSelection(dice, assessmentIds);
    const begins = dice.pick(['beginning', 'cursor', 'now'] as const);
    const after = { beginning: () => '0', cursor: () => this.#now(source), now: () => null }[begins]();
    return new Follower(options, selection, await after).run();
  }

  /** When the end of one is known, another waiter comes, for as long as it is restless. */
  async #waitAgainAndAgain(options: SubscriberOptions): Promise<void> {
    const { dice } = options;
    for (let times = 1; ; times += 1) {
      await new Waiter({ ...options, id: `${options.id}-${times}` }, dice.pick(this.#options.assessmentIds)).run();
      await this.#mood.whileRestless(dice.about(meanRestMs));
      if (this.#mood.isCalm) return;
    }
  }

  async #now(source: Source): Promise<string> {
    for (;;) {
      try {
        return await source.feedCursor();
      } catch (error) {
        if (this.#mood.isStopped) throw error;
        await this.#mood.pause(200);
      }
    }
  }

  #optionsOf(index: number, dice: Dice, onClient: number): SubscriberOptions {
    const way = dice.chance(onClient) ? 'client' : 'plain';
    this.#joined += 1;
    const id = `${this.#options.name}-${index}-${way}`;
    const meanStayMs = (this.#options.subscribers / leavesPerSecond) * 1_000;
    return { id, source: dice.pick(this.#sources[way]), journal: this.#journal, dice, mood: this.#mood, meanStayMs };
  }

  #newSockets(): Sockets {
    const { seed, name, subscribers } = this.#options;
    const sockets = new Sockets();
    const dice = new Dice(seed, `${name} trouble ${this.#sockets.length}`);
    const meanPeaceMs = (subscribers / perSocket / disturbancesPerSecond) * 1_000;
    this.#sockets.push(sockets);
    this.#troublemakers.push(new Troublemaker(sockets, dice, this.#mood, meanPeaceMs));
    return sockets;
  }

  #counts(): CrowdCounts {
    const closes: Record<string, number> = {};
    for (const sockets of this.#sockets) for (const [code, times] of sockets.closes) closes[code] = (closes[code] ?? 0) + times;
    const sum = (of: 'stalls' | 'cuts'): number => this.#troublemakers.reduce((total, { counts }) => total + counts[of], 0);
    const opened = this.#sockets.reduce((total, sockets) => total + sockets.opened, 0);
    return { subscribers: this.#joined, sockets: opened, stalls: sum('stalls'), cuts: sum('cuts'), closes };
  }
}
