import { parseConfig } from '../src/config.ts';
import { createLog } from '../src/log.ts';
import { Api } from './api.ts';
import { serviceHealth } from './documents.ts';

/** The service that the demo works with. */
export interface DemoService {
  /** Where its GraphQL API is. */
  url: URL;
  /** How the demo came by it, for people. */
  origin: string;
  /** Stops it if the demo started it. */
  stop(): Promise<void>;
}

export interface FindServiceOptions {
  apiUrl: URL | undefined;
  environment: NodeJS.ProcessEnv;
  /** Called when none was found, before one is started, which takes some seconds. */
  onStart: () => void;
  /** Called when a service that was started here cannot go on. */
  onFatal: (reason: string) => void;
}

/**
 * Finds a service: the one at `apiUrl`, else the one that runs at HOST and PORT, else one that it starts on a free port of this machine, with
 * the data that `npm start` would use.
 * @throws StartupError when one was to be started and could not be; Error when the one at `apiUrl` does not serve.
 */
export async function findService({ apiUrl, environment, onStart, onFatal }: FindServiceOptions): Promise<DemoService> {
  if (apiUrl !== undefined) {
    await requireService(apiUrl);
    return { url: apiUrl, origin: 'from API_URL', stop: async () => {} };
  }
  const config = parseConfig({ LOG_LEVEL: 'warn', ...environment });
  const usual = new URL(`http://${config.HOST.includes(':') ? `[${config.HOST}]` : config.HOST}:${config.PORT}/graphql`);
  if (config.PORT !== 0 && (await serves(usual))) return { url: usual, origin: 'running already', stop: async () => {} };
  onStart();
  // Loading the service takes longer than using one that runs.
  const { startApp } = await import('../src/app.ts');
  const app = await startApp({ config: { ...config, HOST: '127.0.0.1', PORT: 0 }, log: createLog(config), onFatal });
  return { url: new URL(app.url), origin: 'started for this demo', stop: () => app.stop() };
}

async function requireService(url: URL): Promise<void> {
  const { health } = await new Api(url).ask(serviceHealth, {});
  if (health.status === 'UNHEALTHY') throw new Error(`the service at ${url} says that it is unhealthy`);
}

const serves = (url: URL): Promise<boolean> =>
  requireService(url).then(
    () => true,
    () => false,
  );
