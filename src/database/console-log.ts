import { StartupError } from '../startup-error.ts';
import type { DatabaseLog } from './log.ts';

const print = (_details: object, message: string) => console.error(message);

/** For the command-line tools: messages as plain lines on standard error, so that standard output holds the result alone. */
export const consoleLog: DatabaseLog = { info: print, warn: print, error: print };

/** Runs a command-line tool to its exit code. What the user can mend is printed as a sentence with its own code, anything else with its stack and 1. */
export async function runTool(tool: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await tool();
  } catch (error) {
    console.error(error instanceof StartupError ? error.message : error);
    process.exitCode = error instanceof StartupError ? error.exitCode : 1;
  }
}
