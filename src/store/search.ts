import { Prisma } from '../generated/prisma/client.ts';
import { InvalidInputError } from './errors.ts';
import { textProblem } from './json.ts';

const maxSearchLength = 500;

/** Of so many waiting assessments, the newest, a search takes the words out itself: about 0.2 milliseconds each. */
const readWhileWaiting = 1_000;
/** Of these so many may be large, up to 16 milliseconds each: more than 2,000 bytes as they are stored, or compressed. */
const readLargeWhileWaiting = 100;

/**
 * Whether the words of a search occur, as a condition on `assessment_states s`. What the indexer has not come to yet is read as it stands, so
 * that a search finds what was committed before it; only when more than a thousand assessments wait, or a hundred with large requests, does it lag behind.
 * @throws InvalidInputError naming `search`.
 */
export function searchCondition(search: string): Prisma.Sql {
  const query = searchQuery(checkSearch(search));
  return Prisma.sql`s.id in (
    select d.id from assessment_search d
    where d.search_vector @@ ${query} and d.id not in (select p.id from assessment_search_pending p order by p.seq desc limit ${readWhileWaiting}::int)
    union all
    select w.id from (
      select a.*, row_number() over (partition by is_large order by a.id desc) as place from (
        select r.*, pg_column_size(r.request_data) > 2000 or pg_column_compression(r.request_data) is not null as is_large
        from assessment_states r
        where r.id in (select p.id from assessment_search_pending p order by p.seq desc limit ${readWhileWaiting}::int)
      ) a
    ) w
    where case when w.is_large and w.place > ${readLargeWhileWaiting} then false
      else assessment_search_vector(w.server_name, w.message, w.error_message, assessment_request_vector(w.request_data)) @@ ${query} end
  )`;
}

/**
 * The search as PostgreSQL reads it. A minus that stands before no word is dropped: many of them are more than its parser takes. Names
 * such as eu.example.com are also looked for by their parts, unless something is to be absent.
 */
function searchQuery(search: string): Prisma.Sql {
  const words = search.replaceAll(/-(?![\p{L}\p{N}"])/gu, ' ');
  if (/(^|\s)-/.test(words)) return Prisma.sql`websearch_to_tsquery('simple', ${words})`;
  return Prisma.sql`(websearch_to_tsquery('simple', ${words}) || websearch_to_tsquery('simple', ${words.replaceAll(/[./_:@]/g, ' ')}))`;
}

function checkSearch(search: string): string {
  const problem =
    textProblem(search) ??
    (search.trim() === ''
      ? 'must not be empty'
      : search.length > maxSearchLength
        ? `must be at most ${maxSearchLength} characters long`
        : undefined);
  if (problem !== undefined) throw new InvalidInputError([{ path: ['search'], message: problem }]);
  return search;
}
