import { expect } from 'vitest';
import type { TestDatabase } from './test-database.ts';

/** Texts that would do harm where a statement, a pattern, a JSON text or a name in Redis is put together from them. */
export const hostileStrings: Record<string, string> = {
  'a quote that ends the text': `'; drop table assessment_states; --`,
  'a condition that is always true': `' or '1'='1`,
  'a union': `') union select tenant_id, request_data from assessment_states where ('1'='1`,
  'a quote already doubled': `''; truncate assessment_state_audit cascade; --`,
  'a backslash before the quote': `\\'; delete from assessment_states where true; --`,
  'a backslash at the end': 'ends with \\',
  'double quotes': `"; drop table "assessment_states"; --`,
  'a parameter': '$1',
  'many parameters': '$1 $2 $99 \x24{0} $$ :name @p1 ? ??',
  'dollar quotes': `$$; drop table assessment_states; $$ $tag$ x $tag$`,
  'a template': '\x24{process.env.DATABASE_URL} {{7*7}} #{1} %s %d',
  'a line comment': '-- everything after this',
  'a block comment': '*/ drop table assessment_states; /*',
  'the comment that names a statement': '/* createAssessments */',
  'LIKE wildcards': '%_%',
  'LIKE wildcards, escaped': '\\%\\_\\\\',
  'unicode quotes': 'ʼ; drop table x; -- ‘’＇`´ “”',
  'an escape of PostgreSQL': `E'\\x27' U&'\\0027' \\u0027 \\047`,
  'line ends': `a\r\nb\nc\u2028d\u2029e`,
  'control characters': 'a\u0001\b\t\u001b[31m\u007fb',
  'JSON in a JSON text': `","state":"completed","x":"`,
  'an escape of JSON': '\\u0000 \\ud800 \\" \\\\',
  'an array of PostgreSQL': `{NULL,"a","b"}`,
  'an array that ends early': `"},{"`,
  'the word NULL': 'NULL',
  'a text search': `'a' & !b | (c <-> d):* "`,
  'a minus for a search': '-- -a -"',
  'names in Redis': 'assessment-store:*:updates:0 [a-z]? \r\nFLUSHALL\r\n',
  'a prototype': '__proto__',
  'another prototype': 'constructor.prototype',
  'a direction that turns': 'abc\u202edef\u200b\ufeff',
  'combined and astral': 'é e\u0301 💥👨‍👩‍👧‍👦 𝒳',
  'a function that sleeps': `'||pg_sleep(60)||'`,
  'a setting': `'; set app.tenant_id = 'bystander'; --`,
  'as long as a key may be': `'`.repeat(255),
};

/** What no text of PostgreSQL can hold, or is longer than anything may be: to be refused, wherever it is. */
export const unstorableStrings: Record<string, string> = {
  NUL: `a\0'; drop table assessment_states; --`,
  'half a surrogate pair': `\ud800'`,
  'longer than anything may be': `'; drop table assessment_states; -- `.repeat(40_000),
};

/** Everything of the database that no call of another tenant may touch: its objects, and all rows of the tenant `bystander`. */
export async function snapshotOf(database: TestDatabase): Promise<unknown> {
  const psql = await database.connect();
  const rows = async (sql: string) => (await psql.query(sql)).rows;
  return {
    tables: await rows(
      `select relname, relkind, relrowsecurity, relowner from pg_class where relnamespace = 'public'::regnamespace order by 1, 2`,
    ),
    functions: await rows(`select proname, md5(prosrc) as source from pg_proc where pronamespace = 'public'::regnamespace order by 1, 2`),
    triggers: await rows(`select tgname, tgenabled from pg_trigger where not tgisinternal order by 1`),
    assessments: await rows(`select * from assessment_states where tenant_id = 'bystander' order by id`),
    audit: await rows(
      `select seq, new_state, version_to, changed_by from assessment_state_audit where tenant_id = 'bystander' order by seq`,
    ),
  };
}

/** That each call did what it does with any text, or was refused in one of the ways that are documented. */
export async function expectHarmless(calls: readonly unknown[], name: string): Promise<void> {
  for (const outcome of await Promise.allSettled(calls))
    if (outcome.status === 'rejected') expect(codesOfRefusals, `${name}: ${String(outcome.reason)}`).toContain(Object(outcome.reason).code);
}

const codesOfRefusals = [
  'INVALID_INPUT',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'INVALID_TRANSITION',
  'VERSION_CONFLICT',
  'CLAIM_LOST',
  'CURSOR_EXPIRED',
];
