import { openBareSocket } from './bare-socket.ts';

/** What somebody is told who is not let in. */
export interface Refusal {
  /** The status of HTTP, or the code that a socket is closed with. */
  status: number;
  message: string;
  code?: unknown;
  challenge?: string | null;
}

/** Tries to get in, and gives why not; undefined for somebody who is let in. */
export type WayIn = (url: string, authorization: string | undefined) => Promise<Refusal | undefined>;

const byHttp =
  (query: string, accept: string): WayIn =>
  async (url, authorization) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept, ...(authorization !== undefined && { authorization }) },
      body: JSON.stringify({ query }),
    });
    if (response.status === 200) {
      await response.body?.cancel();
      return undefined;
    }
    const { errors, data } = (await response.json()) as { errors: { message: string; extensions: { code: unknown } }[]; data?: unknown };
    if (errors.length !== 1 || errors[0] === undefined || data !== undefined) throw new Error(`not a refusal: ${JSON.stringify(errors)}`);
    const [{ message, extensions }] = [errors[0]];
    return { status: response.status, message, code: extensions.code, challenge: response.headers.get('www-authenticate') };
  };

const bySocket: WayIn = async (url, authorization) => {
  const { say, heard, closed, socket } = await openBareSocket(url);
  say({ type: 'connection_init', ...(authorization !== undefined && { payload: { authorization } }) });
  const refusal = await Promise.race([closed, heard('connection_ack').then(() => undefined)]);
  socket.terminate();
  return refusal && { status: refusal.code, message: refusal.reason };
};

export const waysIn: Record<string, WayIn> = {
  'a query': byHttp('{ health { status } }', 'application/json'),
  'a mutation': byHttp(
    'mutation { createAssessment(input: { type: HEALTH }) { ... on CreateAssessmentPayload { created } } }',
    'application/json',
  ),
  'an event stream': byHttp('subscription { assessmentFeed { kind } }', 'text/event-stream'),
  'a socket': bySocket,
};
