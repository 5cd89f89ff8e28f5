import { openRawSocket } from './raw-socket.ts';

/** What an operation was answered: the first thing that came. */
export interface Reply {
  /** Over HTTP. */
  status?: number;
  headers?: Headers;
  data?: unknown;
  errors?: { message: string; extensions?: Record<string, unknown> }[];
  extensions?: Record<string, unknown>;
}

/** What is sent: as a rule a `query`, but a test may send anything. */
export type Sent = Readonly<Record<string, unknown>>;

/** Sends an operation, and gives the first answer. `url` is that of the service over HTTP. */
export type Transport = (url: string, sent: Sent, headers?: Record<string, string>) => Promise<Reply>;

const overHttp: Transport = async (url, sent, headers = {}) => {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
    body: JSON.stringify(sent),
  });
  return { status: response.status, headers: response.headers, ...((await response.json()) as Reply) };
};

const overEvents: Transport = async (url, sent, headers = {}) => {
  const leaving = new AbortController();
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream', ...headers },
    body: JSON.stringify(sent),
    signal: leaving.signal,
  });
  try {
    return { status: response.status, headers: response.headers, ...(await firstAnswer(response)) };
  } finally {
    leaving.abort();
  }
};

async function firstAnswer(response: Response): Promise<Reply> {
  let text = '';
  for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += piece;
    const [, event] = /^data: ?(\{.*\})$/m.exec(text) ?? [];
    if (event !== undefined) return JSON.parse(event) as Reply;
  }
  return JSON.parse(text) as Reply;
}

const overSocket: Transport = async (url, sent, headers = {}) => {
  const raw = await openRawSocket(url, { headers });
  try {
    raw.subscribe('1', '', sent);
    const answer = await Promise.race([raw.received('1', 'next'), raw.received('1', 'error')]);
    return answer.type === 'next' ? (answer.payload as Reply) : { errors: answer.payload as NonNullable<Reply['errors']> };
  } finally {
    raw.socket.close();
    await raw.closed;
  }
};

/** Every way in which an operation can come. */
export const transports: Readonly<Record<string, Transport>> = {
  'over HTTP': overHttp,
  'as server-sent events': overEvents,
  'over WebSocket': overSocket,
};
