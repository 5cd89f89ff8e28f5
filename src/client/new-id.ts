import { v7 } from 'uuid';

/** A new assessment's key, made here so that its creation can be repeated. */
export const newId = (): string => v7();
