import type { Plugin } from 'graphql-yoga';
import type { Context } from '../context.ts';

/** Gives the place of an operation back as soon as it has been executed, not only when its client has read the answer. */
export const leavePlaces: Plugin<Context> = {
  onExecute: () => ({ onExecuteDone: ({ args }) => args.contextValue.place?.leave() }),
};
