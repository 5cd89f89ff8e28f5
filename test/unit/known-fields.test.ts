import { isInputObjectType } from 'graphql';
import { expect, test } from 'vitest';
import * as documents from '../../src/client/documents.ts';
import { inputFields } from '../../src/client/known-fields.ts';
import { schema } from '../../src/schema/index.ts';

const fieldsOf = (name: string): string[] => {
  const type = schema.getType(name);
  return isInputObjectType(type) ? Object.keys(type.getFields()).toSorted() : [];
};

test('the client knows every field of every input that it sends', () => {
  for (const [name, fields] of Object.entries(inputFields)) expect({ [name]: fields.toSorted() }).toEqual({ [name]: fieldsOf(name) });
  const sent = Object.values(documents).flatMap((document) => /\(\$input: (\w+)!\)/.exec(document)?.[1] ?? []);
  // Those of batches are sent item by item.
  const lists = ['BatchCreateAssessmentsInput', 'BatchUpdateProgressInput', 'BatchCompleteAssessmentsInput'];
  expect(sent.filter((name) => !(name in inputFields)).toSorted()).toEqual(
    [...lists, 'BatchUpdateProgressInput', 'BatchCompleteAssessmentsInput'].toSorted(),
  );
});
