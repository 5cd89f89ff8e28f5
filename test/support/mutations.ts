import {
  type GraphQLField,
  type GraphQLInputObjectType,
  type GraphQLObjectType,
  getNamedType,
  isCompositeType,
  isInputObjectType,
  isUnionType,
} from 'graphql';
import { schema } from '../../src/schema/index.ts';

/** A mutation of the schema, with a document that asks for all that it may answer. */
export interface Mutation {
  name: string;
  input: GraphQLInputObjectType;
  /** The names of the types that it may answer with. */
  members: string[];
  /** Takes the variable `input`. Every field of every member is selected, and a few of each assessment. */
  document: string;
}

/** What a mutation answers with when it was done; the other members are refusals. */
export const isPayload = (member: string): boolean => member.endsWith('Payload');

const selectionOf: Record<string, string> = { Assessment: 'assessmentId state version progress', InvalidField: 'path message' };

const fieldsOf = (member: GraphQLObjectType): string =>
  Object.values(member.getFields())
    .map(({ name, type }) => (isCompositeType(getNamedType(type)) ? `${name} { ${selectionOf[getNamedType(type).name]} }` : name))
    .join(' ');

/** Every mutation that answers with one result, the payload or a refusal; those for many at once are tested by themselves. */
export const mutations: Mutation[] = Object.values(schema.getMutationType()?.getFields() ?? {})
  .filter(({ type }) => isUnionType(getNamedType(type)))
  .map(describeMutation);

function describeMutation(field: GraphQLField<unknown, unknown>): Mutation {
  const result = getNamedType(field.type);
  const [argument] = field.args;
  const input = argument && getNamedType(argument.type);
  if (!isUnionType(result) || !isInputObjectType(input)) throw new Error(`${field.name} does not take one input and give a union`);
  const members = result.getTypes();
  const selection = members.map((member) => `... on ${member.name} { ${fieldsOf(member)} }`).join(' ');
  return {
    ...{ name: field.name, input, members: members.map(({ name }) => name) },
    document: `mutation ($input: ${input.name}!) { ${field.name}(input: $input) { __typename ${selection} } }`,
  };
}
