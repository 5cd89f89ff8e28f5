import {
  type GraphQLInputType,
  type GraphQLNamedType,
  type GraphQLOutputType,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isListType,
  isNonNullType,
  isObjectType,
  isUnionType,
} from 'graphql';
import { schema } from '../../src/schema/index.ts';

export type Kind = 'query' | 'mutation' | 'subscription';

/** A field of Query, Mutation or Subscription. */
export interface RootField {
  kind: Kind;
  name: string;
  /** Calls the field with these arguments, as they stand in a document, and selects all that there is to select but what gives `hidden` types. */
  document(callArguments: string, hidden?: readonly string[]): string;
  /** Some arguments that the schema takes: what has to be given, and nothing more. */
  leastArguments: string;
}

const leastScalars: Record<string, string> = { Int: '1', Float: '1', Boolean: 'true', JSONObject: '{}', ID: '"eA=="' };

const roots = [
  ['query', schema.getQueryType()],
  ['mutation', schema.getMutationType()],
  ['subscription', schema.getSubscriptionType()],
] as const;

/** Every field with which an operation can begin, as the schema has them. */
export const rootFields: RootField[] = roots.flatMap(([kind, root]) =>
  Object.values(root?.getFields() ?? {}).map(({ name, type, args }) => ({
    ...{ kind, name },
    document: (callArguments, hidden) => `${kind} { ${name}${callArguments && `(${callArguments})`} ${selectionOf(type, hidden)} }`,
    leastArguments: args
      .filter((argument) => isNonNullType(argument.type) && argument.defaultValue === undefined)
      .map((argument) => `${argument.name}: ${leastOf(argument.type)}`)
      .join(', '),
  })),
);

/** Everything below a type that takes no arguments of necessity. */
export function selectionOf(output: GraphQLOutputType | GraphQLNamedType, hidden: readonly string[] = []): string {
  const type = getNamedType(output);
  if (isUnionType(type))
    return `{ __typename ${type
      .getTypes()
      .map((member) => `... on ${member.name} ${selectionOf(member, hidden)}`)
      .join(' ')} }`;
  if (isInterfaceType(type))
    return `{ __typename ${schema
      .getPossibleTypes(type)
      .map((member) => `... on ${member.name} ${selectionOf(member, hidden)}`)
      .join(' ')} }`;
  if (!isObjectType(type)) return '';
  const fields = Object.values(type.getFields())
    .filter((field) => !hidden.includes(getNamedType(field.type).name))
    .map((field) => `${field.name} ${selectionOf(field.type, hidden)}`);
  return `{ __typename ${fields.join(' ')} }`;
}

function leastOf(input: GraphQLInputType): string {
  if (isNonNullType(input)) return leastOf(input.ofType);
  if (isListType(input)) return `[${leastOf(input.ofType)}]`;
  if (isEnumType(input)) return input.getValues()[0]?.name ?? '';
  if (!isInputObjectType(input)) return leastScalars[input.name] ?? '"x"';
  const needed = Object.values(input.getFields()).filter((field) => isNonNullType(field.type) && field.defaultValue === undefined);
  return `{ ${needed.map((field) => `${field.name}: ${leastOf(field.type)}`).join(', ')} }`;
}
