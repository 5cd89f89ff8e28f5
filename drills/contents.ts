import pg from 'pg';

/** What a table holds: how many rows, and a sum over the hashes of all of them, whatever their order. */
export interface TableContents {
  rows: number;
  checksum: string;
}

/** The contents of every table of a database, by name. */
export type Contents = ReadonlyMap<string, TableContents>;

/** Reads the contents of all tables, as this connection sees them. */
export async function contentsOf(client: pg.Client): Promise<Contents> {
  const { rows: tables } = await client.query<{ name: string }>(
    `select c.relname as name from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') order by 1`,
  );
  const contents = new Map<string, TableContents>();
  for (const { name } of tables) {
    const { rows } = await client.query<TableContents>(
      `select count(*)::int as rows, coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text as checksum from ${pg.escapeIdentifier(name)} t`,
    );
    if (rows[0]) contents.set(name, rows[0]);
  }
  return contents;
}

/** In which tables a copy is not what was backed up; in words, none when it is. */
export function differencesOf(original: Contents, copy: Contents): string[] {
  const names = [...new Set([...original.keys(), ...copy.keys()])].toSorted();
  return names.flatMap((name) => {
    const [was, is] = [original.get(name), copy.get(name)];
    if (was === undefined) return [`${name} is not in the original`];
    if (is === undefined) return [`${name} is missing`];
    if (was.rows !== is.rows) return [`${name} has ${is.rows} rows, not ${was.rows}`];
    return was.checksum === is.checksum ? [] : [`${name} has as many rows, but other contents`];
  });
}
