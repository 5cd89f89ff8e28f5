import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AssessmentClient } from '../../src/client/assessment-client.ts';
import { createAssessmentClient } from '../../src/client/client.ts';
import type { AssessmentClientOptions } from '../../src/client/options.ts';
import type { Config } from '../../src/config.ts';
import { ApiFront } from '../support/api-front.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { startTestApp } from '../support/test-app.ts';
import { createTestDatabase } from '../support/test-database.ts';

/** The service, once behind a network that can be cut, and once behind a front that can lose and refuse. */
export async function startClientBench(config: Partial<Config> = {}) {
  const database = await createTestDatabase();
  let app = await startTestApp(config, database);
  const { url } = app;
  const proxy = await TcpProxy.before(url);
  const front = await ApiFront.before(url);
  const clients: AssessmentClient[] = [];
  const clientOf =
    (at: string) =>
    (options: Partial<AssessmentClientOptions> = {}) => {
      const client = createAssessmentClient({ url: at, retryBaseMs: 20, retryCapMs: 200, ...options });
      clients.push(client);
      return client;
    };
  return {
    ...{ url, database, proxy, front, clientOf },
    app: () => app,
    /** How many watches and feeds are open in the service. */
    open: () => app.app.store.watching + app.app.store.feeding,
    /** A client that nothing stands before. */
    direct: clientOf(url),
    /** A client behind the proxy. */
    remote: clientOf(proxy.through(url)),
    /** A client behind the front. */
    fronted: clientOf(front.url),
    stopService: () => app.stop(),
    /** Starts it again, on the same port. */
    startService: async () => {
      app = await startTestApp({ ...config, PORT: Number(new URL(url).port) }, database);
    },
    /** Closes what was opened since the last rest. */
    rest: async () => {
      await Promise.all(clients.splice(0).map((client) => client.close()));
    },
    stop: async () => {
      await Promise.all(clients.splice(0).map((client) => client.close()));
      await Promise.all([front.stop(), proxy.stop()]);
      await app.stop();
      await database.drop();
    },
  };
}

export type ClientBench = Awaited<ReturnType<typeof startClientBench>>;

/** An address where nothing listens. */
export async function closedUrl(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return `http://127.0.0.1:${port}/graphql`;
}
