import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  getOperationAST,
  isAbstractType,
  isCompositeType,
  isListType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  SchemaMetaFieldDef,
  type SelectionNode,
  type SelectionSetNode,
  TypeMetaFieldDef,
  valueFromASTUntyped,
} from 'graphql';
import { type FieldCost, fieldCosts } from '../schema/costs.ts';

/** So many objects a list has about which nothing is known. */
const listSize = 10;
/** So many combinations of sizes that came as variables are remembered with their costs, for one operation. */
const rememberedSizes = 100;

type Variables = Readonly<Record<string, unknown>>;

/** What a selection costs: once, and for each object where the size of its lists is the affair of the field around it. */
interface Sum {
  once: number;
  perItem: number;
}

/** A field whose number of objects depends on its arguments. */
interface Sized {
  field: FieldNode;
  size: NonNullable<FieldCost['size']>;
}

const costs = new WeakMap<DocumentNode, Map<OperationDefinitionNode, OperationCost>>();

/**
 * The most that an operation of a valid document can cost: see `fieldCosts`. Takes time in proportion to the document, however its fragments
 * spread one another, and hardly any where the document was sent before.
 * @param variables as they were sent: unchecked
 */
export function operationCost(
  schema: GraphQLSchema,
  document: DocumentNode,
  operationName: string | null | undefined,
  variables: Variables,
): number {
  const operation = getOperationAST(document, operationName);
  if (!operation) return 0; // refused later
  const ofDocument = costs.get(document) ?? new Map<OperationDefinitionNode, OperationCost>();
  costs.set(document, ofDocument);
  const cost = ofDocument.get(operation) ?? new OperationCost(schema, document, operation);
  ofDocument.set(operation, cost);
  return cost.with(variables);
}

/** The cost of one operation. It is found out anew only for sizes that came as variables, and that have not come before. */
class OperationCost {
  readonly #schema: GraphQLSchema;
  readonly #operation: OperationDefinitionNode;
  readonly #fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  readonly #defaults: Variables;
  /** Those with variables in their arguments; known after the first time. */
  readonly #sized: Sized[] = [];
  readonly #sizes = new Map<FieldNode, number>();
  readonly #known = new Map<string, number>();
  #sums = new Map<SelectionSetNode, Map<GraphQLObjectType, Sum>>();

  constructor(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) {
    this.#schema = schema;
    this.#operation = operation;
    const fragments = document.definitions.filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION);
    this.#fragments = new Map(fragments.map((fragment) => [fragment.name.value, fragment]));
    this.#defaults = Object.fromEntries(
      (operation.variableDefinitions ?? []).flatMap(({ variable, defaultValue }) =>
        defaultValue === undefined ? [] : [[variable.name.value, valueFromASTUntyped(defaultValue)]],
      ),
    );
    this.#sum({}); // finds what depends on variables
  }

  with(variables: Variables): number {
    const sizes = this.#sized.map((sized) => this.#sizeOf(sized, variables));
    const key = sizes.join();
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    for (const [index, { field }] of this.#sized.entries()) this.#sizes.set(field, sizes[index] ?? 0);
    const cost = this.#sum(variables);
    if (this.#known.size >= rememberedSizes) this.#known.clear();
    this.#known.set(key, cost);
    return cost;
  }

  #sum(variables: Variables): number {
    const root = this.#schema.getRootType(this.#operation.operation);
    if (!root) return 0;
    this.#sums = new Map();
    const { once, perItem } = this.#ofSet(this.#operation.selectionSet, root, variables);
    this.#sums = new Map();
    return once + perItem * listSize;
  }

  /** By the kind of object that costs most: an object is of one kind, and what is selected of others costs nothing. */
  #ofComposite(set: SelectionSetNode, type: GraphQLCompositeType, variables: Variables): Sum {
    if (isObjectType(type)) return this.#ofSet(set, type, variables);
    const most: Sum = { once: 0, perItem: 0 };
    for (const possible of this.#schema.getPossibleTypes(type)) {
      const sum = this.#ofSet(set, possible, variables);
      most.once = Math.max(most.once, sum.once);
      most.perItem = Math.max(most.perItem, sum.perItem);
    }
    return most;
  }

  #ofSet(set: SelectionSetNode, type: GraphQLObjectType, variables: Variables): Sum {
    const known = this.#sums.get(set)?.get(type);
    if (known !== undefined) return known;
    const sum: Sum = { once: 0, perItem: 0 };
    for (const selection of set.selections) {
      const { once, perItem } = this.#ofSelection(selection, type, variables);
      sum.once += once;
      sum.perItem += perItem;
    }
    const byType = this.#sums.get(set) ?? new Map<GraphQLObjectType, Sum>();
    this.#sums.set(set, byType.set(type, sum));
    return sum;
  }

  #ofSelection(selection: SelectionNode, type: GraphQLObjectType, variables: Variables): Sum {
    if (selection.kind === Kind.FIELD) return this.#ofField(selection, type, variables);
    const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : this.#fragments.get(selection.name.value);
    if (fragment === undefined || !this.#applies(fragment.typeCondition?.name.value, type)) return { once: 0, perItem: 0 };
    return this.#ofSet(fragment.selectionSet, type, variables);
  }

  #applies(condition: string | undefined, type: GraphQLObjectType): boolean {
    if (condition === undefined || condition === type.name) return true;
    const named = this.#schema.getType(condition);
    return isAbstractType(named) && this.#schema.isSubType(named, type);
  }

  #ofField(field: FieldNode, parent: GraphQLObjectType, variables: Variables): Sum {
    const definition = definitionOf(field.name.value, parent);
    if (definition === undefined) return { once: 0, perItem: 0 };
    const { own = 0, each = 0, size } = fieldCosts[`${parent.name}.${definition.name}`] ?? {};
    const items = size && this.#itemsOf({ field, size }, variables);
    const once = own + each * (items ?? 0);
    const type = getNamedType(definition.type);
    if (field.selectionSet === undefined || !isCompositeType(type)) return { once, perItem: 0 };
    const inside = this.#ofComposite(field.selectionSet, type, variables);
    if (!isListType(getNullableType(definition.type)))
      return { once: once + 1 + inside.once + inside.perItem * (items ?? listSize), perItem: 0 };
    const object = 1 + inside.once + inside.perItem * listSize;
    return items === undefined ? { once, perItem: object } : { once: once + items * object, perItem: 0 };
  }

  #itemsOf(sized: Sized, variables: Variables): number {
    const known = this.#sizes.get(sized.field);
    if (known !== undefined) return known;
    if (sized.field.arguments?.some(({ value }) => hasVariable(value))) this.#sized.push(sized);
    const items = this.#sizeOf(sized, variables);
    this.#sizes.set(sized.field, items);
    return items;
  }

  #sizeOf({ field, size }: Sized, variables: Variables): number {
    const args: Record<string, unknown> = {};
    for (const { name, value } of field.arguments ?? []) {
      args[name.value] =
        value.kind === Kind.VARIABLE
          ? this.#variable(value.name.value, variables)
          : valueFromASTUntyped(value, { ...this.#defaults, ...variables });
    }
    return size(args);
  }

  #variable(name: string, variables: Variables): unknown {
    return Object.hasOwn(variables, name) ? variables[name] : this.#defaults[name];
  }
}

function definitionOf(name: string, parent: GraphQLObjectType): GraphQLField<unknown, unknown> | undefined {
  if (name === SchemaMetaFieldDef.name) return SchemaMetaFieldDef;
  if (name === TypeMetaFieldDef.name) return TypeMetaFieldDef;
  return parent.getFields()[name];
}

function hasVariable(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, values, fields } = value as { kind?: string; values?: unknown[]; fields?: { value: unknown }[] };
  return kind === Kind.VARIABLE || (values?.some(hasVariable) ?? false) || (fields?.some((field) => hasVariable(field.value)) ?? false);
}
