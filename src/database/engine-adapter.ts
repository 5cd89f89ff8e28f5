import { PrismaPg } from '@prisma/adapter-pg';
import { ColumnTypeEnum, isDriverAdapterError, type SqlQuery, type SqlResultSet } from '@prisma/driver-adapter-utils';
import type pg from 'pg';

type PrismaPgAdapter = Awaited<ReturnType<PrismaPg['connect']>>;

/**
 * Prisma's PostgreSQL adapter with two faults mended that keep the schema engine from working through it (adapter 7.10):
 * - it cuts scripts at every semicolon, also within function bodies. Sent whole, a script is also one transaction, as with Prisma's own engine;
 * - it refuses columns of the catalog's type "char", so nothing with a CHECK or a foreign key could be compared.
 */
export class SchemaEngineAdapter extends PrismaPg {
  override async connect(): Promise<PrismaPgAdapter> {
    const adapter = await super.connect();
    adapter.executeScript = async (script) => {
      await adapter.executeRaw({ sql: script, args: [], argTypes: [] });
    };
    const queryRaw = adapter.queryRaw.bind(adapter);
    adapter.queryRaw = async (query) => {
      try {
        return await queryRaw(query);
      } catch (error) {
        if (!(isDriverAdapterError(error) && error.cause.kind === 'UnsupportedNativeDataType')) throw error;
        return queryCatalog(adapter.underlyingDriver(), query);
      }
    };
    return adapter;
  }
}

/** Type ids that catalog queries give: bool, "char", name, int8, int2, int4, text, oid and arrays of name, text, int2. The rest is read as text. */
const catalogTypes = new Map<number, SqlResultSet['columnTypes'][number]>([
  [16, ColumnTypeEnum.Boolean],
  [18, ColumnTypeEnum.Character],
  [20, ColumnTypeEnum.Int64],
  [21, ColumnTypeEnum.Int32],
  [23, ColumnTypeEnum.Int32],
  [26, ColumnTypeEnum.Int64],
  [1003, ColumnTypeEnum.TextArray],
  [1009, ColumnTypeEnum.TextArray],
  [1005, ColumnTypeEnum.Int32Array],
]);

async function queryCatalog(pool: pg.Pool, { sql, args }: SqlQuery): Promise<SqlResultSet> {
  const { fields, rows } = await pool.query<unknown[]>({ text: sql, values: args, rowMode: 'array' });
  return {
    columnNames: fields.map((field) => field.name),
    columnTypes: fields.map((field) => catalogTypes.get(field.dataTypeID) ?? ColumnTypeEnum.Text),
    rows,
  };
}
