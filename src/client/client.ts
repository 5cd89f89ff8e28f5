import { AssessmentClient } from './assessment-client.ts';
import type { AssessmentClientOptions } from './options.ts';

/**
 * A client of the service at `url` (the address of its GraphQL API), with the interface that the store has. Opens no connection before it
 * is used; `close()` it in the end.
 * @throws TypeError, RangeError saying which option is wrong
 */
export const createAssessmentClient = (options: AssessmentClientOptions): AssessmentClient => new AssessmentClient(options);
