import { type Client, createClient } from 'graphql-ws';
import WebSocket from 'ws';

/** Opens a socket to the GraphQL API (graphql-transport-ws) that stays open until it is disposed of, and carries any number of operations. */
export async function openSocket(url: string): Promise<Client> {
  let connected = (): void => {};
  let failed = (_: unknown): void => {};
  const opened = new Promise<void>((resolve, reject) => {
    connected = resolve;
    failed = reject;
  });
  const client = createClient({
    ...{ url: url.replace(/^http/, 'ws'), webSocketImpl: WebSocket, lazy: false, retryAttempts: 0 },
    on: { connected: () => connected() },
    onNonLazyError: (error) => failed(error),
  });
  await opened;
  return client;
}

/**
 * Runs a mutation, and gives the member of its result that it was answered with.
 * @throws Error when it is refused, or fails.
 */
export function run(client: Client, query: string, variables: Record<string, unknown>): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    client.subscribe<Record<string, Record<string, unknown>>>(
      { query, variables },
      {
        next: ({ data, errors }) => {
          const [member] = Object.values(data ?? {});
          if (errors !== undefined || member === undefined) reject(new Error(`not answered: ${JSON.stringify(errors)}`));
          else if (String(member['__typename']).endsWith('Error')) reject(new Error(`refused: ${JSON.stringify(member)}`));
          else resolve(member);
        },
        error: (reason) => reject(reason instanceof Error ? reason : new Error(`broken off: ${JSON.stringify(reason)}`)),
        complete: () => reject(new Error('completed without an answer')),
      },
    );
  });
}
