import { type DocumentNode, type FragmentDefinitionNode, Kind, type SelectionNode, type SelectionSetNode } from 'graphql';

/** What is counted of a document, as if each fragment stood wherever it is spread. Of several operations, the most that any of them has. */
export interface Shape {
  /** How deep selections are nested. */
  depth: number;
  aliases: number;
  directives: number;
  /** Fields of the operation itself. */
  rootFields: number;
}

/** How much of each a document may have. */
export type ShapeLimits = Readonly<Shape>;

/** A limit that a document is beyond. */
export interface ShapeExcess {
  limit: keyof Shape;
  most: number;
}

const words: Record<keyof Shape, string> = {
  depth: 'levels of selections',
  aliases: 'aliases',
  directives: 'directives',
  rootFields: 'fields at its root',
};

/** What a client is told of it. */
export const shapeMessage = ({ limit, most }: ShapeExcess): string =>
  `The document has more than ${most} ${words[limit]}, with what its fragments bring.`;

/**
 * The first limit that the document is beyond. Takes time in proportion to the document, however its fragments spread one another, and needs no
 * schema: it is asked before a document is validated. What is not valid, such as fragments in a circle, is left to the validation.
 */
export function shapeExcess(document: DocumentNode, limits: ShapeLimits): ShapeExcess | undefined {
  const shape = new ShapeCounter(document, limits.depth).count();
  for (const limit of ['depth', 'aliases', 'directives', 'rootFields'] as const)
    if (shape[limit] > limits[limit]) return { limit, most: limits[limit] };
  return undefined;
}

const nothing: Shape = { depth: 0, aliases: 0, directives: 0, rootFields: 0 };
/** So many fragments in a row, each spreading the next, are followed: the counting calls itself for each. */
const longestChain = 500;

class ShapeCounter {
  readonly #document: DocumentNode;
  readonly #fragments = new Map<string, FragmentDefinitionNode>();
  /** By fragment; while one is being counted it counts nothing, or a circle would have no end. */
  readonly #known = new Map<string, Shape>();
  readonly #deepest: number;
  #chain = 0;

  constructor(document: DocumentNode, deepest: number) {
    this.#document = document;
    this.#deepest = deepest;
    for (const definition of document.definitions)
      if (definition.kind === Kind.FRAGMENT_DEFINITION) this.#fragments.set(definition.name.value, definition);
  }

  count(): Shape {
    let most = nothing;
    for (const definition of this.#document.definitions) {
      if (definition.kind !== Kind.OPERATION_DEFINITION) continue;
      const ofVariables = definition.variableDefinitions?.reduce((sum, { directives }) => sum + (directives?.length ?? 0), 0) ?? 0;
      const shape = this.#ofSet(definition.selectionSet);
      const directives = shape.directives + ofVariables + (definition.directives?.length ?? 0);
      most = mostOf(most, { ...shape, directives });
    }
    return most;
  }

  #ofSet({ selections }: SelectionSetNode): Shape {
    let sum = nothing;
    for (const selection of selections) sum = together(sum, this.#ofSelection(selection));
    return sum;
  }

  #ofSelection(selection: SelectionNode): Shape {
    const directives = selection.directives?.length ?? 0;
    if (selection.kind === Kind.FRAGMENT_SPREAD) return withDirectives(this.#ofFragment(selection.name.value), directives);
    if (selection.kind === Kind.INLINE_FRAGMENT) return withDirectives(this.#ofSet(selection.selectionSet), directives);
    const inside = selection.selectionSet === undefined ? nothing : this.#ofSet(selection.selectionSet);
    return {
      depth: inside.depth + 1,
      aliases: inside.aliases + (selection.alias === undefined ? 0 : 1),
      directives: inside.directives + directives,
      rootFields: 1,
    };
  }

  #ofFragment(name: string): Shape {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const fragment = this.#fragments.get(name);
    if (fragment === undefined) return nothing;
    if (this.#chain >= longestChain) return { ...nothing, depth: this.#deepest + 1 };
    this.#known.set(name, nothing);
    this.#chain += 1;
    const shape = withDirectives(this.#ofSet(fragment.selectionSet), fragment.directives?.length ?? 0);
    this.#chain -= 1;
    this.#known.set(name, shape);
    return shape;
  }
}

const withDirectives = (shape: Shape, directives: number): Shape =>
  directives === 0 ? shape : { ...shape, directives: shape.directives + directives };

const together = (a: Shape, b: Shape): Shape => ({
  depth: Math.max(a.depth, b.depth),
  aliases: a.aliases + b.aliases,
  directives: a.directives + b.directives,
  rootFields: a.rootFields + b.rootFields,
});

const mostOf = (a: Shape, b: Shape): Shape => ({
  depth: Math.max(a.depth, b.depth),
  aliases: Math.max(a.aliases, b.aliases),
  directives: Math.max(a.directives, b.directives),
  rootFields: Math.max(a.rootFields, b.rootFields),
});
