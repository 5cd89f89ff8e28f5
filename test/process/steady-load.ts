import { randomUUID } from 'node:crypto';

/** What became of the commands of a load. */
export interface LoadReport {
  /** The keys of what was acknowledged as created, and as completed. */
  created: string[];
  completed: string[];
  /** How often each code came, or a connection broke. */
  refusals: Map<string, number>;
  /** How long the longest answer took, in milliseconds. */
  longestMs: number;
}

type Result = { __typename: string } | null;
const create = 'mutation ($id: String!) { done: createAssessment(input: { assessmentId: $id, type: HEALTH }) { __typename } }';
const start = 'mutation ($id: String!) { done: startProcessing(input: { assessmentId: $id }) { __typename } }';
const complete = 'mutation ($id: String!) { done: completeAssessment(input: { assessmentId: $id, result: {} }) { __typename } }';

/** Clients that each create, start and complete one assessment after the other at one of the services, until they are stopped. */
export class SteadyLoad {
  readonly report: LoadReport = { created: [], completed: [], refusals: new Map(), longestMs: 0 };
  readonly #clients: Promise<unknown>;
  #stopped = false;

  constructor(urls: readonly string[], clients: number) {
    this.#clients = Promise.all(Array.from({ length: clients }, (_, number) => this.#run(urls[number % urls.length] ?? '')));
  }

  /** Lets the commands under way finish. */
  async stop(): Promise<LoadReport> {
    this.#stopped = true;
    await this.#clients;
    return this.report;
  }

  async #run(url: string): Promise<void> {
    while (!this.#stopped) {
      const id = randomUUID();
      if (!(await this.#send(url, create, id))) continue;
      this.report.created.push(id);
      if ((await this.#send(url, start, id)) && (await this.#send(url, complete, id))) this.report.completed.push(id);
    }
  }

  async #send(url: string, query: string, id: string): Promise<boolean> {
    const begun = performance.now();
    const outcome = await this.#outcomeOf(url, query, id).catch((error: unknown) => String(Object(Object(error).cause).code ?? error));
    this.report.longestMs = Math.max(this.report.longestMs, performance.now() - begun);
    if (outcome === 'done') return true;
    this.report.refusals.set(outcome, (this.report.refusals.get(outcome) ?? 0) + 1);
    await new Promise((resolve) => setTimeout(resolve, 20)); // a client that was refused does not come back at once
    return false;
  }

  async #outcomeOf(url: string, query: string, id: string): Promise<string> {
    const headers = { 'content-type': 'application/json', accept: 'application/json' };
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query, variables: { id } }) });
    const { data, errors } = (await response.json()) as { data?: { done: Result }; errors?: { extensions: { code: string } }[] };
    if (errors?.[0] !== undefined) return errors[0].extensions.code;
    const type = data?.done?.__typename ?? 'nothing';
    return type.endsWith('Payload') ? 'done' : type;
  }
}
