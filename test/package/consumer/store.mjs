// The store as a library, on a database that this brings up itself.
import { openStore, VersionConflictError } from 'assessment-store/store';

const log = { debug() {}, info() {}, warn() {}, error: console.error };
const store = await openStore({ databaseUrl: process.env.DATABASE_URL, log });
const actor = { tenantId: 'default', subject: 'consumer' };
const { assessment } = await store.createAssessment({ type: 'SECURITY' }, actor);
const { assessmentId } = assessment;
const waiting = store.waitForCompletion({ assessmentId, timeoutMs: 30_000 }, actor);
const refused = await store.cancelAssessment({ assessmentId, expectedVersion: 7 }, actor).catch((error) => error);
await store.cancelAssessment({ assessmentId, reason: 'only an example' }, actor);
console.log((await waiting).assessment.state, refused instanceof VersionConflictError);
await store.stop();
