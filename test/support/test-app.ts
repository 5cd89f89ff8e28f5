import { type Client, createClient } from 'graphql-ws';
import { pino } from 'pino';
import WebSocket from 'ws';
import { type App, startApp } from '../../src/app.ts';
import { type Config, parseConfig } from '../../src/config.ts';
import { logOptions } from '../../src/log.ts';
import { createTestDatabase, type TestDatabase } from './test-database.ts';
import { noteForeground } from './test-store.ts';

/** The answer to an operation over HTTP. */
export interface Answer<Data = Record<string, unknown>> {
  status: number;
  headers: Headers;
  data: Data;
  errors?: { message: string; path?: (string | number)[]; extensions: Record<string, unknown> }[];
}

/** The real service on a free port, with a database of its own unless one is given. */
export interface TestApp {
  app: App;
  url: string;
  database: TestDatabase;
  statements: string[];
  /** What was logged, as JSON lines. */
  logged: string[];
  /** Sends an operation over HTTP. */
  send<Data = Record<string, unknown>>(
    query: string,
    variables?: Record<string, unknown>,
    headers?: Record<string, string>,
  ): Promise<Answer<Data>>;
  /** A client over WebSocket; closed with the app. */
  connect(): Client;
  stop(): Promise<void>;
}

/** Other tests run beside this one: that they take the processor is no overload of this service. */
const patient = { ADMISSION_PATIENCE_MS: '60000' };

export async function startTestApp(config: Partial<Config> = {}, shared?: TestDatabase): Promise<TestApp> {
  const database = shared ?? (await createTestDatabase());
  const statements: string[] = [];
  const logged: string[] = [];
  const whole = { ...parseConfig({ NODE_ENV: 'test', PORT: '0', DATABASE_URL: database.url, ...patient }), ...config };
  const app = await startApp({
    config: whole,
    log: pino({ ...logOptions(whole), level: 'debug' }, { write: (line: string) => void logged.push(line) }),
    onStatement: noteForeground(statements),
  }).catch(async (error: unknown) => {
    if (shared === undefined) await database.drop();
    throw error;
  });
  const clients: Client[] = [];
  return {
    ...{ app, database, statements, logged, url: app.url },
    send: (query, variables, headers) => send(app.url, query, variables, headers),
    connect: () => {
      const client = createClient({ url: app.url.replace('http', 'ws'), webSocketImpl: WebSocket, retryAttempts: 0, lazy: true });
      clients.push(client);
      return client;
    },
    stop: async () => {
      await Promise.all(clients.map((client) => client.dispose()));
      await app.stop();
      if (shared === undefined) await database.drop();
    },
  };
}

async function send<Data>(
  url: string,
  query: string,
  variables?: Record<string, unknown>,
  headers: Record<string, string> = {},
): Promise<Answer<Data>> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
    body: JSON.stringify({ query, variables }),
  });
  const text = await response.text();
  const answer = JSON.parse(text) as Pick<Answer<Data>, 'data' | 'errors'>;
  return { status: response.status, headers: response.headers, ...answer };
}
