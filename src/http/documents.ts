import type { DocumentNode } from 'graphql';
import { LRUCache } from 'lru-cache';
import { type DocumentLimits, parseWithinLimits } from './document-limits.ts';

/** How much of the documents that were sent before is kept, in bytes as far as they can be told. */
const keptBytes = 32 * 1024 * 1024;
/** What a token and its part of the tree take, in bytes: 20,000 tokens of one character are 10 MB. */
const tokenBytes = 500;

/** Documents as text and as trees. What was parsed, or refused, is kept for the next who sends the same text. */
export class Documents {
  readonly #limits: DocumentLimits;
  // By size, not by number: a thousand of the largest would be gigabytes.
  readonly #known = new LRUCache<string, Parsed>({ maxSize: keptBytes, sizeCalculation: bytesOf });

  constructor(limits: DocumentLimits) {
    this.#limits = limits;
  }

  /** The same tree for the same text, as long as it is kept. @throws GraphQLError, as parseWithinLimits */
  readonly parse = (text: string): DocumentNode => {
    const known = this.#known.get(text) ?? this.#remember(text);
    if ('error' in known) throw known.error;
    return known.document;
  };

  #remember(text: string): Parsed {
    const parsed = this.#parse(text);
    this.#known.set(text, parsed);
    return parsed;
  }

  #parse(text: string): Parsed {
    try {
      return { document: parseWithinLimits(text, this.#limits) };
    } catch (error) {
      return { error };
    }
  }
}

type Parsed = { document: DocumentNode } | { error: unknown };

function bytesOf(parsed: Parsed, text: string): number {
  const tokens = 'document' in parsed ? (parsed.document.tokenCount ?? text.length) : 0;
  return 2 * text.length + tokens * tokenBytes + tokenBytes;
}
