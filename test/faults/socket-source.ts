import { type Client, createClient, type SubscribePayload } from 'graphql-ws';
import type { AssessmentFilter } from '../../src/store/index.ts';
import { sendTo } from '../support/service-process.ts';
import type { Sockets } from './sockets.ts';
import { completed, type Ending, left, type OnUpdate, type Piece, type Source, type Update } from './source.ts';

const told = 'kind assessment { assessmentId state version progress }';
const waiting = `subscription ($id: String!, $after: Int) { update: assessmentUpdated(assessmentId: $id, afterVersion: $after) { ${told} } }`;
const following = `subscription ($where: AssessmentFilter, $after: String) { update: assessmentFeed(where: $where, after: $after) { cursor ${told} } }`;

/** One plain socket of graphql-transport-ws. It does nothing by itself: what breaks off is for the subscriber to begin again. */
export class SocketSource implements Source {
  readonly #url: string;
  readonly #client: Client;

  constructor(url: string, sockets: Sockets) {
    this.#url = url;
    this.#client = createClient({ url: url.replace('http', 'ws'), webSocketImpl: sockets.implementation, retryAttempts: 0, lazy: true });
  }

  waitFor(id: string, after: number | null, onUpdate: OnUpdate): Piece {
    return this.#subscribe({ query: waiting, variables: { id, ...(after !== null && { after }) } }, onUpdate);
  }

  follow(where: AssessmentFilter | undefined, after: string | null, onUpdate: OnUpdate): Piece {
    const variables = { ...(where !== undefined && { where }), ...(after !== null && { after }) };
    return this.#subscribe({ query: following, variables }, onUpdate);
  }

  async feedCursor(): Promise<string> {
    const { data } = await sendTo<{ feedCursor: string }>(this.#url, '{ feedCursor }');
    return data.feedCursor;
  }

  async stop(): Promise<void> {
    await this.#client.dispose();
  }

  #subscribe(payload: SubscribePayload, onUpdate: OnUpdate): Piece {
    let leave = (): void => {};
    const ended = new Promise<Ending>((resolve) => {
      let isOver = false;
      const end = (ending: Ending): void => {
        isOver = true;
        resolve(ending);
      };
      const unsubscribe = this.#client.subscribe<{ update: Update }>(payload, {
        next: ({ data, errors }) => {
          if (isOver) return;
          if (data?.update && errors === undefined) onUpdate(data.update);
          else end(endingOf(errors ?? 'no data'));
        },
        error: (error) => end(endingOf(error)),
        complete: () => end(completed),
      });
      leave = () => {
        end(left);
        unsubscribe();
      };
    });
    return { ended, leave: () => leave() };
  }
}

/** Closes of the protocol that blame the client. */
const blaming = [4400, 4401, 4403, 4406, 4409, 4429, 4500];

/** What an error of graphql-ws means: errors of the service, the close of the socket, or that none could be opened. */
function endingOf(error: unknown): Ending {
  if (Array.isArray(error)) {
    const [{ message, extensions } = {}] = error as { message?: unknown; extensions?: { code?: unknown } }[];
    const code = String(extensions?.code);
    return { how: code === 'OVERLOADED' || code === 'TIMEOUT' ? 'BROKEN' : 'REFUSED', why: `${code}: ${message}` };
  }
  const { code, reason, message } = Object(error) as { code?: unknown; reason?: unknown; message?: unknown };
  return { how: blaming.includes(Number(code)) ? 'REFUSED' : 'BROKEN', why: [code, reason || message].filter(Boolean).join(': ') };
}
