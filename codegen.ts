import type { CodegenConfig } from '@graphql-codegen/cli';
import { printSchemaWithDirectives } from '@graphql-tools/utils';
import { schema } from './src/schema/index.ts';

/** Prints the schema that the code builds to schema.graphql, and types the documents that the tests and the demo send. */
const config: CodegenConfig = {
  schema: printSchemaWithDirectives(schema),
  silent: true,
  generates: {
    'schema.graphql': { plugins: ['schema-ast'], config: { sort: true } },
  },
};

export default config;
