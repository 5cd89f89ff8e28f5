import autocannon from 'autocannon';

export interface HttpLoad {
  url: string;
  connections: number;
  /** How long, or how many. */
  until: { seconds: number } | { requests: number };
  /** The JSON to send; the same for every request, or made for each. */
  body: string | (() => string);
  /** What the body of an answer must contain to count as one. */
  expected: string;
  headers?: Record<string, string>;
}

export interface HttpLoadResult {
  /** Answers with status 200 and the expected content. */
  answered: number;
  /** All others: refused, failed, timed out, broken off. */
  errors: number;
  perSecond: number;
  latenciesMs: number[];
}

/** Sends requests over so many connections, each the next one as soon as the last is answered. */
export async function loadOverHttp({ url, connections, until, body, expected, headers }: HttpLoad): Promise<HttpLoadResult> {
  const latenciesMs: number[] = [];
  const begun = performance.now();
  const {
    '2xx': ok,
    non2xx,
    errors,
    timeouts,
    mismatches,
  } = await new Promise<autocannon.Result>((resolve, reject) => {
    const options: autocannon.Options = {
      ...{ url, connections, method: 'POST', excludeErrorStats: true },
      ...('seconds' in until ? { duration: until.seconds } : { amount: until.requests }),
      headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
      requests: [typeof body === 'string' ? { body } : { setupRequest: (request) => ({ ...request, body: body() }) }],
      verifyBody: (answer) => String(answer).includes(expected),
    };
    const run = autocannon(options, (error: Error | null, result) => (error ? reject(error) : resolve(result)));
    run.on('response', (_client, _status, _bytes, responseMs) => latenciesMs.push(responseMs));
  });
  const answered = ok - mismatches;
  return {
    answered,
    errors: non2xx + errors + timeouts + mismatches,
    perSecond: (answered / (performance.now() - begun)) * 1000,
    latenciesMs,
  };
}
