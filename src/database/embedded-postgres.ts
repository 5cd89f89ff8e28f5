import { StartupError } from '../startup-error.ts';
import { acquireDataFolderLock } from './data-folder-lock.ts';
import { clusterFolder, type DataPlace, settleDataPlace } from './data-place.ts';
import type { DatabaseLog } from './log.ts';
import { stopOrphanedPostgres } from './orphaned-postgres.ts';
import { preparePostgresBinaries, requireSameMajor } from './postgres-binaries.ts';
import { ensureCluster, readPassword } from './postgres-cluster.ts';
import { LaunchError, launchPostgres, type PostgresExit, type PostgresProcess } from './postgres-process.ts';

export interface EmbeddedPostgresOptions {
  /** The folder that holds the data; created when it is not there. */
  readonly dataDir: string;
  readonly log: DatabaseLog;
}

export interface EmbeddedPostgres {
  /** A connection string for the superuser; host 127.0.0.1, another port at each start. */
  readonly url: string;
  /** Where the data really is: dataDir, or what took its place because root's PostgreSQL could not reach it. */
  readonly dataFolder: string;
  /** Stops the server and gives the folder free; idempotent. Close all connections first: open ones are cut. */
  stop(): Promise<void>;
  /** Called once if the server ends without stop() having been called, at once if it has already. */
  onExit(listener: (exit: PostgresExit) => void): void;
}

/**
 * Starts the PostgreSQL that comes from npm, durable, on a data folder that is made at the first start, and waits until it takes connections.
 * What a killed service left behind (its PostgreSQL, its lock, a half-made folder) is cleared up first.
 *
 * @throws StartupError DATA_FOLDER_IN_USE when another instance has the folder; EMBEDDED_POSTGRES_FAILED for anything else.
 */
export async function startEmbeddedPostgres({ dataDir, log }: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  try {
    const place = await settleDataPlace(dataDir, log);
    const lock = await acquireDataFolderLock(place.folder);
    try {
      return describe(await startOn(place, log), place, lock.release);
    } catch (error) {
      await lock.release();
      throw error;
    }
  } catch (error) {
    throw asStartupError(dataDir, error);
  }
}

interface Running {
  readonly server: PostgresProcess;
  readonly password: string;
}

async function startOn(place: DataPlace, log: DatabaseLog): Promise<Running> {
  const cluster = clusterFolder(place.folder);
  await stopOrphanedPostgres(cluster, log);
  const binaries = await preparePostgresBinaries(place, log);
  await ensureCluster(place, binaries, log);
  await requireSameMajor(place, binaries);
  const password = await readPassword(place.folder);
  const server = await launchPersistently(binaries.postgres, place, log);
  log.info({ dataFolder: place.folder, port: server.port, pid: server.pid }, 'embedded PostgreSQL is ready');
  return { server, password };
}

async function launchPersistently(postgres: string, place: DataPlace, log: DatabaseLog): Promise<PostgresProcess> {
  const cluster = clusterFolder(place.folder);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await launchPostgres({ postgres, cluster, account: place.account, log });
    } catch (error) {
      if (attempt === launchAttempts || !(error instanceof LaunchError && passing.test(error.output))) throw error;
      await stopOrphanedPostgres(cluster, log);
    }
  }
}

const launchAttempts = 5;

/** The port was taken between finding and using it, or an orphan that had only just begun has written its postmaster.pid by now. */
const passing = /could not bind|Address already in use|postmaster\.pid|shared memory block/;

function describe({ server, password }: Running, place: DataPlace, release: () => Promise<void>): EmbeddedPostgres {
  let stopped: Promise<void> | undefined;
  const stopOnce = async () => {
    await server.stop();
    await release();
  };
  return {
    url: `postgresql://postgres:${password}@127.0.0.1:${server.port}/postgres`,
    dataFolder: place.folder,
    stop: () => {
      stopped ??= stopOnce();
      return stopped;
    },
    onExit: (listener) => {
      void server.exited.then((exit) => {
        if (stopped === undefined) listener(exit);
      });
    },
  };
}

function asStartupError(dataDir: string, error: unknown): StartupError {
  if (error instanceof StartupError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new StartupError('EMBEDDED_POSTGRES_FAILED', `The embedded PostgreSQL on ${dataDir} could not be started: ${reason}`, {
    cause: error,
  });
}
