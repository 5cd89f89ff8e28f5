import type { CodegenConfig } from '@graphql-codegen/cli';
import { printSchema } from 'graphql';
import { schema } from './src/schema/index.ts';

/** Types the documents that a folder's files `documents.ts` hold; tagged with the function `graphql` of its `generated/gql.ts`. */
const documentsOf = (folder: string): CodegenConfig['generates'] => ({
  [`${folder}/generated/`]: {
    preset: 'client',
    documents: `${folder}/**/documents.ts`,
    presetConfig: { fragmentMasking: false, skipIndexFile: true },
    config: {
      // Strings, which go over the wire as they are; types imported as types and enums as unions, for TypeScript that is only erased.
      documentMode: 'string',
      useTypeImports: true,
      importExtension: '.ts',
      enumType: 'string-literal',
      strictScalars: true,
      scalars: { DateTime: 'string', JSONObject: 'Record<string, unknown>' },
    },
  },
});

/** Prints the schema that the code builds to schema.graphql, and types the documents that the demo and the tests send. */
const config: CodegenConfig = {
  schema: printSchema(schema),
  silent: true,
  generates: {
    'schema.graphql': { plugins: ['schema-ast'], config: { sort: true } },
    ...documentsOf('demo'),
    ...documentsOf('test'),
  },
};

export default config;
