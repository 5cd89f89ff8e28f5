/** One server-sent event. */
export interface ServerEvent {
  event: string;
  /** Of the last line `id:`, where there is one. */
  id?: string;
  data: unknown;
}

/** An answer of server-sent events, which is read as it comes. */
export interface EventStream {
  response: Response;
  /** The events so far; comments that keep the connection alive are left out. */
  events: ServerEvent[];
  /** How many comments there were. */
  readonly comments: number;
  /** Resolves when the service has ended the stream. */
  ended: Promise<void>;
}

/** Reads an answer of server-sent events; tells of each as soon as it is there. */
export function readEventStream(response: Response, onEvent: (event: ServerEvent) => void = () => {}): EventStream {
  const events: ServerEvent[] = [];
  let comments = 0;
  const take = (part: string): void => {
    const event = parse(part);
    if (event === undefined) comments += 1;
    else {
      events.push(event);
      onEvent(event);
    }
  };
  const ended = readParts(response, take);
  ended.catch(() => {}); // a test that breaks off does not read to the end
  return {
    ...{ response, events, ended },
    get comments() {
      return comments;
    },
  };
}

async function readParts({ body }: Response, take: (part: string) => void): Promise<void> {
  let rest = '';
  const decoder = new TextDecoder();
  for await (const chunk of body ?? []) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n\n');
    rest = parts.pop() ?? '';
    for (const part of parts) take(part);
  }
}

function parse(part: string): ServerEvent | undefined {
  const field = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, 'm').exec(part)?.[1];
  const [event, id, data] = ['event', 'id', 'data'].map(field);
  if (event === undefined) return undefined;
  return { event, ...(id !== undefined && { id }), data: data === undefined ? undefined : JSON.parse(data) };
}
