import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { createDataFolder, endServices, isRunning, postgresPid, startService } from '../support/service-process.ts';

afterAll(endServices);

const filesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);

/** How far a first start has got, by a file that is there from then on. */
const moments = [
  { moment: 'while the cluster is made', file: 'cluster-draft-', signal: 'SIGTERM' },
  { moment: 'while PostgreSQL starts', file: 'postmaster.pid', signal: 'SIGINT' },
] as const;

test.each(moments)(
  '$signal $moment ends the service with exit code 0, leaves no postgres, and the next start is not disturbed',
  async ({ file, signal }) => {
    const { dataDir, remove } = await createDataFolder();
    try {
      const interrupted = startService({ DATA_DIR: dataDir });
      const isThere = async () => [...(await filesIn(dataDir)), ...(await filesIn(join(dataDir, 'cluster')))].join().includes(file);
      await eventually(`${file} is there`, isThere, 30_000);
      const postgres = await postgresPid(dataDir).catch(() => 0);
      expect(await interrupted.end(signal)).toMatchObject({ code: 0, signal: null, err: '' });
      expect(postgres !== 0 && (await isRunning(postgres))).toBe(false);

      const next = startService({ DATA_DIR: dataDir });
      await next.ready();
      expect((await next.end()).code).toBe(0);
    } finally {
      await remove();
    }
  },
);
