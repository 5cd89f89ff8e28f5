import { readFile } from 'node:fs/promises';
import { generate } from '@graphql-codegen/cli';
import { isEnumType, isInputObjectType, isInterfaceType, isIntrospectionType, isObjectType, isSpecifiedScalarType } from 'graphql';
import { expect, test } from 'vitest';
import config from '../../codegen.ts';
import { schema } from '../../src/schema/index.ts';

const regenerate = 'run `npm run generate` and commit what it wrote';

test('what the generator writes is what is committed: schema.graphql and the typed documents', async () => {
  const files = (await generate(config, false)) as { filename: string; content: string }[];
  expect(files.map(({ filename }) => filename)).toContain('schema.graphql');
  for (const { filename, content } of files) {
    const committed = await readFile(new URL(`../../${filename}`, import.meta.url), 'utf8');
    expect(committed, `${filename} is not up to date: ${regenerate}`).toBe(content);
  }
});

/** Everything that a reader of the schema meets, by its name, with its description. */
function described(): [string, string | null | undefined][] {
  const types = Object.values(schema.getTypeMap()).filter((type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type));
  return types.flatMap((type): [string, string | null | undefined][] => {
    const own: [string, string | null | undefined] = [type.name, type.description];
    if (isEnumType(type))
      return [own, ...type.getValues().map(({ name, description }): [string, typeof description] => [`${type.name}.${name}`, description])];
    if (isInputObjectType(type))
      return [
        own,
        ...Object.values(type.getFields()).map(({ name, description }): [string, typeof description] => [
          `${type.name}.${name}`,
          description,
        ]),
      ];
    if (!isObjectType(type) && !isInterfaceType(type)) return [own];
    const fields = Object.values(type.getFields()).flatMap(({ name, description, args }): [string, string | null | undefined][] => [
      [`${type.name}.${name}`, description],
      ...args.map((argument): [string, string | null | undefined] => [`${type.name}.${name}(${argument.name})`, argument.description]),
    ]);
    return [own, ...fields];
  });
}

test('every type, field, argument and enum value has a description that is a sentence', () => {
  const all = described();
  expect(all.length).toBeGreaterThan(200);
  expect(all.filter(([, description]) => !/^\S.*[.?!)]$/s.test(description ?? '')).map(([name]) => name)).toEqual([]);
});

test('every directive and the arguments of it have a description', () => {
  const directives = schema.getDirectives();
  expect(
    directives.filter(({ description, args }) => !description || args.some((argument) => !argument.description)).map(({ name }) => name),
  ).toEqual([]);
});
