import { readFile } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import type { JsonObject } from '../store/index.ts';
import { UsageError } from './errors.ts';

/**
 * Reads a JSON object from the argument itself, from a file (`@name`), or from standard input (`@-`). `option` is named in errors.
 * @throws UsageError
 */
export async function readJsonObject(option: string, argument: string): Promise<JsonObject> {
  const text = argument.startsWith('@') ? await readFrom(option, argument.slice(1)) : argument;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${option}: this is not JSON: ${error instanceof Error ? error.message : error}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new UsageError(`${option}: it must be a JSON object, such as '{"url":"https://example.com/"}', or @file with one`);
  return value as JsonObject;
}

async function readFrom(option: string, file: string): Promise<string> {
  try {
    return await (file === '-' ? readAll(process.stdin) : readFile(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`${option}: the file ${file} cannot be read: ${error instanceof Error ? error.message : error}`);
  }
}
