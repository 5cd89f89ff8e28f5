import type { CommandUnknownOpts } from '@commander-js/extra-typings';
import { exitCodes } from './exit-codes.ts';
import type { Globals } from './globals.ts';

/**
 * Refuses options that stand before or after every command and mean nothing to this one, rather than to ignore what somebody wanted. What comes from
 * the environment is left alone: it is meant for the other commands.
 */
export function refuseGlobals(command: CommandUnknownOpts, names: readonly (keyof Globals)[]): void {
  for (const name of names) {
    if (command.getOptionValueSourceWithGlobals(name) !== 'cli') continue;
    const option = name === 'color' ? '--no-color' : `--${name}`;
    command.error(`error: option '${option}' has no meaning for '${command.name()}'`, { exitCode: exitCodes.USAGE });
  }
}
