import { createAssessmentClient } from '../../src/client/client.ts';
import { type Assessments, storeAsAssessments } from '../../src/store/index.ts';
import { startTestApp } from '../support/test-app.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { startTestStore } from '../support/test-store.ts';

/** Something that is to keep the contract of `Assessments`, on a database of its own. */
export interface Implementation {
  service: Assessments;
  /** A further one on the same database, to be closed by the test. */
  another(): Assessments;
  database: TestDatabase;
  /** How many watches and feeds are open on the store behind it. */
  open(): number;
  stop(): Promise<void>;
}

/** In whose name both do everything, so that their audit trails are the same. */
const actor = { tenantId: 'default', subject: 'anonymous' };

/** Every test of the contract runs against each of these. */
export const implementations: [string, () => Promise<Implementation>][] = [
  ['the store', openStoreItself],
  ['the client over the wire', openClient],
];

async function openStoreItself(): Promise<Implementation> {
  const { store, database, stop } = await startTestStore();
  const another = (): Assessments => storeAsAssessments(store, actor);
  const service = another();
  return {
    ...{ service, another, database, open: () => store.watching + store.feeding },
    stop: async () => {
      await service.close();
      await stop();
    },
  };
}

async function openClient(): Promise<Implementation> {
  const database = await createTestDatabase();
  const { app, stop } = await startTestApp({}, database);
  const another = (): Assessments => createAssessmentClient({ url: app.url });
  const service = another();
  return {
    ...{ service, another, database, open: () => app.store.watching + app.store.feeding },
    stop: async () => {
      await service.close();
      await stop();
      await database.drop();
    },
  };
}
