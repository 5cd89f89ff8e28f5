import { type GraphQLInputType, getNamedType, isEnumType, isInputObjectType, isListType, isNonNullType } from 'graphql';

/** Bad values, each by what is bad about it. */
export type BadValues = Record<string, unknown>;

const byScalar: Record<string, unknown[]> = {
  Int: ['x', '1', '', 1.5, 2 ** 31, -(2 ** 31) - 1, 1e300, true, [], {}],
  String: [1, 0, 1.5, true, {}, ['a']],
  ID: [1.5, true, {}, []],
  Boolean: ['true', '', 1, 0, {}, []],
  DateTime: [
    '',
    'yesterday',
    '2026-13-01T00:00:00Z',
    '2026-02-30T00:00:00Z',
    '2026-01-01T25:00:00Z',
    '2026-01-01T00:00:00Z\0',
    0,
    1e9,
    {},
    [],
  ],
  JSONObject: [[], [{}], ['a'], '', 'x', '{}', 1, 0, true],
};

/** Values that are not of the type: GraphQL itself refuses them, before anything of the service sees them. */
export function mistyped(type: GraphQLInputType): unknown[] {
  if (isNonNullType(type)) return [null, ...mistyped(type.ofType)];
  if (isListType(type)) return mistyped(type.ofType).flatMap((item) => (Array.isArray(item) || item === null ? [[item]] : [item, [item]]));
  if (isEnumType(type)) return ['NOPE', '', 'health', 'pending', 'PENDING\0', 1, true, {}, [[]]];
  if (isInputObjectType(type)) return ['x', 1, true, { invented: 1 }];
  return byScalar[getNamedType(type).name] ?? [];
}

/** What PostgreSQL can keep neither in text nor in jsonb. */
const broken: BadValues = {
  'with NUL': 'a\0b',
  'NUL alone': '\0',
  'with a lone high surrogate': 'a\ud800b',
  'with a lone low surrogate': '\udc00',
  'with a reversed pair': '\udc00\ud800',
};
const text = (max: number): BadValues => ({
  ...broken,
  [`of ${max + 1} characters`]: 'x'.repeat(max + 1),
  [`of ${max + 1} emoji`]: '💥'.repeat(max + 1),
});
const filled = (max: number): BadValues => ({ ...text(max), empty: '' });
const maxInt = 2 ** 31 - 1;
const between = (least: number, most: number): BadValues =>
  Object.fromEntries(
    [-(2 ** 31), -1, least - 1, most + 1, maxInt].filter((n) => n <= maxInt && (n < least || n > most)).map((n) => [String(n), n]),
  );
const atLeast = (least: number): BadValues => between(least, maxInt);
const listOf = (bad: BadValues): BadValues =>
  Object.fromEntries(Object.entries(bad).map(([name, value]) => [`a list with one ${name}`, ['a', value]]));
const tooMany = (count: number, item: unknown): BadValues => ({ [`${count} entries`]: Array.from({ length: count }, () => item) });

const token: BadValues = {
  ...broken,
  empty: '',
  'no UUID': 'token',
  'almost a UUID': '01890a5d-ac96-774b-bcce-b302099a805',
  'a UUID and more': `01890a5d-ac96-774b-bcce-b302099a8057'`,
};
const nested = (depth: number): object => (depth === 1 ? {} : { a: nested(depth - 1) });
const json: BadValues = {
  ...Object.fromEntries(
    Object.entries(broken).flatMap(([name, value]) => [
      [`a value ${name}`, { a: value }],
      [`a value in a list ${name}`, { a: [[value]] }],
      [`a key ${name}`, { [String(value)]: 1 }],
      [`a deep key ${name}`, { a: { b: [{ [String(value)]: 1 }] } }],
    ]),
  ),
  'nested 65 deep': nested(65),
  'lists nested 65 deep': { a: Array.from({ length: 64 }).reduce<unknown[]>((inner) => [inner], []) },
  'over 1 MiB': { a: 'x'.repeat(1024 * 1024) },
  'over 1 MiB as UTF-8': { a: 'ä'.repeat(512 * 1024) },
};
const cursor: BadValues = {
  ...broken,
  empty: '',
  'no cursor': 'x',
  'base64 of nothing': 'AAAA',
  huge: 'A'.repeat(100_000),
  spaces: '   ',
  'a number': '1',
};
const page = { first: between(0, 100), last: between(0, 100), after: cursor, before: cursor };
const onPage = (list: string): Record<string, BadValues> =>
  Object.fromEntries(Object.entries(page).map(([name, bad]) => [`${list}.${name}`, bad]));
const badYear: BadValues = {
  'of the year 0': '0000-06-01T00:00:00Z',
  'before the year 1': '0001-01-01T00:00:00+10:00',
  'after the year 9999': '9999-12-31T23:59:59-10:00',
};
const globalId: BadValues = { ...broken, empty: '', 'no id': 'x', 'of an unknown type': 'SW52ZW50ZWQ6MQ==' };

const key = filled(255);
const anyChange = (input: string): Record<string, BadValues> => ({
  [`${input}.assessmentId`]: key,
  [`${input}.expectedVersion`]: atLeast(1),
});

/** Values of the right type that are refused, by the {@link Slot.owner} of their place. `{}` where every value of the type is right. */
export const outOfBounds: Record<string, BadValues> = {
  'CreateAssessmentInput.assessmentId': key,
  'CreateAssessmentInput.serverName': filled(255),
  'CreateAssessmentInput.priority': between(1, 10),
  'CreateAssessmentInput.timeoutMs': atLeast(1),
  'CreateAssessmentInput.maxRetries': between(0, 1_000),
  'CreateAssessmentInput.timestamp': {},
  'CreateAssessmentInput.metadata': json,
  'AssessmentOptionsInput.serverFilter': { ...listOf(filled(255)), ...tooMany(1_001, 'a') },
  'AssessmentOptionsInput.timeout': atLeast(0),
  ...anyChange('StartProcessingInput'),
  ...anyChange('UpdateProgressInput'),
  'UpdateProgressInput.progress': between(0, 100),
  'UpdateProgressInput.message': text(10_000),
  'UpdateProgressInput.claimToken': token,
  ...anyChange('CompleteAssessmentInput'),
  'CompleteAssessmentInput.result': json,
  'CompleteAssessmentInput.claimToken': token,
  ...anyChange('FailAssessmentInput'),
  'FailAssessmentInput.error': filled(10_000),
  'FailAssessmentInput.claimToken': token,
  ...anyChange('CancelAssessmentInput'),
  'CancelAssessmentInput.reason': text(2_000),
  ...anyChange('RetryAssessmentInput'),
  'RetryAssessmentInput.reason': text(2_000),
  'StringFilter.eq': broken,
  'StringFilter.in': { ...listOf(broken), ...tooMany(1_001, 'a') },
  'StringFilter.startsWith': broken,
  'StringFilter.contains': broken,
  'IntFilter.eq': {},
  'IntFilter.in': tooMany(1_001, 1),
  'IntFilter.gte': {},
  'IntFilter.lte': {},
  'DateTimeFilter.gte': badYear,
  'DateTimeFilter.lt': badYear,
  'Query.node.id': globalId,
  'Query.nodes.ids': { ...listOf(globalId), ...tooMany(101, 'QXNzZXNzbWVudDow') },
  'Query.assessment.assessmentId': key,
  ...onPage('Query.assessments'),
  'Query.assessments.search': { ...broken, empty: '', blank: ' \t\n', 'of 501 characters': 'x'.repeat(501), huge: 'word '.repeat(100_000) },
  'Query.assessmentStats.windowMinutes': between(1, 1_440),
  'Query.assessmentStats.serverName': text(255),
  'Query.waitForAssessment.assessmentId': key,
  'Query.waitForAssessment.timeoutMs': between(0, 600_000),
  ...onPage('Assessment.auditTrail'),
};

/** Whether the table {@link outOfBounds} must have an entry for places of this type: there are values of it that mean too much. */
export const hasBounds = (type: GraphQLInputType): boolean =>
  ['Int', 'String', 'ID', 'JSONObject', 'DateTime'].includes(getNamedType(type).name);

/** Whether the value can stand in a document at all: GraphQL knows no string with a surrogate without its partner. */
export const hasLiteral = (value: unknown): boolean => !/\\ud[89a-f]/i.test(JSON.stringify(value) ?? '');
