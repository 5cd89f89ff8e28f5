import { setTimeout as sleep } from 'node:timers/promises';

/** One report of progress, for the version that it changes. */
export interface Report {
  assessmentId: string;
  progress: number;
  /** No other report has it. */
  message: string;
  expectedVersion: number;
}

interface Shown {
  version: number;
  progress: number;
  message: string | null;
}

interface Result {
  assessment?: Shown;
  code?: string;
  message?: string;
}

const document = /* GraphQL */ `
  mutation ($input: BatchUpdateProgressInput!) {
    batchUpdateProgress(input: $input) {
      results {
        ... on UpdateProgressPayload { assessment { version progress message } }
        ... on Error { code message }
        ... on VersionConflictError { assessment { version progress message } }
      }
    }
  }
`;

const answerWithinMs = 15_000;
/** What may be asked again: the service, or its database, is away. */
const passing = ['OVERLOADED', 'TIMEOUT'];

/** Reports progress in batches, at one instance and then another, until it is known what became of every report. */
export class ProgressBatches {
  readonly counts = { updates: 0, batches: 0, repeats: 0, answersLost: 0 };
  /** Answers that nobody should ever get, with how often. */
  readonly wrong = new Map<string, number>();
  readonly #urls: readonly string[];
  #at: number;

  /** @param first which of the instances is asked first */
  constructor(urls: readonly string[], first: number) {
    this.#urls = urls;
    this.#at = first;
  }

  /** Resolves when each report has been carried out, or it is certain that it was not: then it is in `wrong`. */
  async send(reports: readonly Report[]): Promise<void> {
    this.counts.batches += 1;
    for (let repeats = 0; ; repeats += 1) {
      const results = await this.#ask(reports).catch(() => undefined);
      if (results !== undefined) {
        for (const [index, report] of reports.entries()) this.#note(report, results[index] ?? {}, repeats > 0);
        return;
      }
      this.counts.repeats += 1;
      this.#at += 1;
      await sleep(Math.min(50 * 2 ** repeats, 1_000));
    }
  }

  async #ask(updates: readonly Report[]): Promise<readonly Result[]> {
    const response = await fetch(this.#urls[this.#at % this.#urls.length] ?? '', {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ query: document, variables: { input: { updates } } }),
      signal: AbortSignal.timeout(answerWithinMs),
    });
    const answer = (await response.json()) as Answer;
    const [error] = answer.errors ?? [];
    if (error === undefined && answer.data) return answer.data.batchUpdateProgress.results;
    const code = error?.extensions?.code ?? `HTTP ${response.status}`;
    if (response.status !== 503 && !passing.includes(code)) this.#wrong(`${code}: ${error?.message}`);
    throw new Error(code);
  }

  #note({ expectedVersion, message }: Report, { assessment, code, message: why }: Result, isRepeated: boolean): void {
    const isDone = assessment?.version === expectedVersion + 1 && assessment.message === message;
    if (!isDone || (code !== undefined && !isRepeated)) this.#wrong(`${code}: ${why}`);
    else this.counts.updates += 1;
    if (isDone && code !== undefined) this.counts.answersLost += 1;
  }

  #wrong(what: string): void {
    this.wrong.set(what, (this.wrong.get(what) ?? 0) + 1);
  }
}

interface Answer {
  data?: { batchUpdateProgress: { results: Result[] } } | null;
  errors?: { message: string; extensions?: { code?: string } }[];
}
