import { type AssessmentClient, createAssessmentClient } from '../../src/client/index.ts';
import { type AssessmentFilter, UnavailableError } from '../../src/store/index.ts';
import type { Sockets } from './sockets.ts';
import { completed, type Ending, left, type OnUpdate, type Piece, type Source, type Update } from './source.ts';

/** The client of the project: it opens its socket again, and goes on, by itself. */
export class ClientSource implements Source {
  readonly #client: AssessmentClient;

  constructor(url: string, sockets: Sockets) {
    this.#client = createAssessmentClient({ url, webSocketImpl: sockets.implementation, retryCapMs: 2_000 });
  }

  waitFor(assessmentId: string, afterVersion: number | null, onUpdate: OnUpdate): Piece {
    return read(this.#client.watch({ assessmentId, afterVersion }), onUpdate);
  }

  follow(where: AssessmentFilter | undefined, after: string | null, onUpdate: OnUpdate): Piece {
    return read(this.#client.feed({ where, after }), onUpdate);
  }

  feedCursor(): Promise<string> {
    return this.#client.feedCursor();
  }

  stop(): Promise<void> {
    return this.#client.close();
  }
}

function read(updates: AsyncIterableIterator<Update, undefined>, onUpdate: OnUpdate): Piece {
  let hasLeft = false;
  const readAll = async (): Promise<Ending> => {
    try {
      for await (const update of updates) onUpdate(update);
      return hasLeft ? left : completed;
    } catch (error) {
      return { how: error instanceof UnavailableError ? 'BROKEN' : 'REFUSED', why: String(error) };
    }
  };
  const leave = (): void => {
    hasLeft = true;
    void updates.return?.();
  };
  return { ended: readAll(), leave };
}
