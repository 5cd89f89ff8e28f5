import { readFile } from 'node:fs/promises';
import { type GraphQLSchema, parse, validate } from 'graphql';
import { z } from 'zod';
import { StartupError } from './startup-error.ts';

const byId = z.record(z.string().min(1), z.string());

/**
 * Reads the documents of a file: one JSON object with the text of each under its id, as `client-preset` of GraphQL Code Generator writes it
 * (`persisted-documents.json`).
 * @throws StartupError (CONFIG_INVALID) when it cannot be read, or names a document that does not fit the schema
 */
export async function loadTrustedDocuments(path: string, schema: GraphQLSchema): Promise<ReadonlyMap<string, string>> {
  const documents = await read(path);
  for (const [id, text] of documents) {
    const problem = problemOf(text, schema);
    if (problem !== undefined) throw invalid(path, `the document ${JSON.stringify(id)} does not fit the schema: ${problem}`);
  }
  return documents;
}

async function read(path: string): Promise<ReadonlyMap<string, string>> {
  try {
    return new Map(Object.entries(byId.parse(JSON.parse(await readFile(path, 'utf8')))));
  } catch (error) {
    if (error instanceof z.ZodError) throw invalid(path, 'it must be one JSON object with the text of each document under its id');
    throw invalid(path, error instanceof Error ? error.message : 'it cannot be read');
  }
}

function problemOf(text: string, schema: GraphQLSchema): string | undefined {
  try {
    return validate(schema, parse(text))[0]?.message;
  } catch (error) {
    return error instanceof Error ? error.message : 'it cannot be parsed';
  }
}

const invalid = (path: string, reason: string): StartupError =>
  new StartupError('CONFIG_INVALID', `TRUSTED_DOCUMENTS names ${path}: ${reason}.`);
