import type { Context } from '../context.ts';
import {
  type Assessment,
  type Connection,
  checkAssessmentId,
  InvalidInputError,
  type ListAssessments,
  type WaitForCompletion,
} from '../store/index.ts';

/** A page of a list, which counts the whole list only when it is asked to. */
export type AssessmentConnection = Connection<Assessment> & { totalCount: () => Promise<number> };

export const assessment = (_: unknown, { assessmentId }: { assessmentId: string }, { loaders }: Context) =>
  loaders.assessment.load(checkAssessmentId(assessmentId));

export const assessments = async (_: unknown, args: ListAssessments, { store, actor }: Context): Promise<AssessmentConnection> => ({
  ...(await store.listAssessments(args, actor)),
  totalCount: () => store.countAssessments(args, actor),
});

export const waitForAssessment = (_: unknown, args: WaitForCompletion, { store, actor, signal, place }: Context) =>
  store.waitForCompletion(args, actor, signal, () => place?.rest());

export const feedCursor = (_: unknown, __: object, { store, actor }: Context) => store.feedCursor(actor);

export const node = (_: unknown, { id }: { id: string | number }, context: Context) => loadNode(String(id), 'id', context);

export const nodes = (_: unknown, { ids }: { ids: (string | number)[] }, context: Context) => {
  if (ids.length > maxNodes)
    throw new InvalidInputError([{ path: ['ids'], message: `must be at most ${maxNodes} ids, not ${ids.length}` }]);
  return Promise.all(ids.map((id) => loadNode(String(id), 'ids', context)));
};

const maxNodes = 100;
const globalId = /^(?:Assessment:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})|AssessmentAuditEntry:(\d{1,18}))$/;

async function loadNode(id: string, argument: string, { loaders }: Context) {
  const text = Buffer.from(id, 'base64').toString();
  const [, uuid, seq] = (Buffer.from(text).toString('base64') === id && globalId.exec(text)) || [];
  if (uuid !== undefined) return named('Assessment', await loaders.assessmentById.load(uuid));
  if (seq !== undefined) return named('AssessmentAuditEntry', await loaders.auditEntry.load(seq));
  throw new InvalidInputError([{ path: [argument], message: 'must be a global ID, as a field `id` gave it' }]);
}

const named = <Row extends object>(__typename: string, row: Row | null) => row && { __typename, ...row };
