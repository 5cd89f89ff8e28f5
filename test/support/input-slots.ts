import {
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLInputType,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  type GraphQLObjectType as ObjectType,
} from 'graphql';

/** One place of the API where a client puts a value: an argument, or a field of an input object at any depth. */
export interface Slot {
  /** The argument, then the fields down to the place. */
  path: string[];
  /** Type and field, or type, field and argument; the same for every place that one input object is used in. */
  owner: string;
  type: GraphQLInputType;
  /** Whether leaving it out is as wrong as null. */
  required: boolean;
}

/** Every place below the arguments of a field. An input object that holds itself is not entered a second time. */
export const slotsOf = (parent: ObjectType | string, field: GraphQLField<unknown, unknown>): Slot[] =>
  field.args.flatMap((argument) => slotsBelow(argument, [argument.name], `${String(parent)}.${field.name}.${argument.name}`, []));

function slotsBelow(place: GraphQLArgument | GraphQLInputField, path: string[], owner: string, outer: string[]): Slot[] {
  const named = getNamedType(place.type);
  const slot = { path, owner, type: place.type, required: isNonNullType(place.type) && place.defaultValue === undefined };
  if (!isInputObjectType(named) || outer.includes(named.name)) return [slot];
  const inner = Object.values(named.getFields());
  return [
    slot,
    ...inner.flatMap((field) => slotsBelow(field, [...path, field.name], `${named.name}.${field.name}`, [...outer, named.name])),
  ];
}

/** `values` with `value` at the path; undefined takes out what stands there. */
export function withValueAt(values: Readonly<Record<string, unknown>>, [name = '', ...rest]: string[], value: unknown): object {
  return { ...values, [name]: rest.length === 0 ? value : withValueAt(Object(values[name]), rest, value) };
}

/** A value as it stands in a document. Strings are written with the escapes of JSON, which GraphQL shares. */
export function literalOf(value: unknown, type?: GraphQLInputType): string {
  const bare = isNonNullType(type) ? type.ofType : type;
  const named = bare && getNamedType(bare);
  if (Array.isArray(value)) return `[${value.map((item) => literalOf(item, isListType(bare) ? bare.ofType : named)).join(', ')}]`;
  if (isEnumType(named) && typeof value === 'string' && /^[A-Za-z]+$/.test(value)) return value;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = isInputObjectType(named) ? named.getFields() : {};
  const given = Object.entries(value).filter(([, item]) => item !== undefined);
  return `{ ${given.map(([name, item]: [string, unknown]) => `${name}: ${literalOf(item, fields[name]?.type)}`).join(', ')} }`;
}
