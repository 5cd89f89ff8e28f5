import { CommanderError } from '@commander-js/extra-typings';
import { addCancel, addRetry } from './commands/change.ts';
import { addList } from './commands/list.ts';
import { addMigrate } from './commands/migrate.ts';
import { addServe } from './commands/serve.ts';
import { addShow } from './commands/show.ts';
import { addStats } from './commands/stats.ts';
import { addSubmit } from './commands/submit.ts';
import { addToken } from './commands/token.ts';
import { addWait } from './commands/wait.ts';
import { addWatch } from './commands/watch.ts';
import { addWorker } from './commands/worker.ts';
import { exitCodes } from './exit-codes.ts';
import { createProgram } from './globals.ts';
import { printable } from './printable.ts';
import { fail, outputOf } from './session.ts';

/** In the order of --help. */
const commands = [addSubmit, addWait, addWatch, addList, addShow, addCancel, addRetry, addStats, addWorker, addServe, addMigrate, addToken];

/** Runs the program with its arguments, as process.argv has them; sets the exit code of the process. */
export async function run(argv: readonly string[]): Promise<void> {
  endQuietlyWithPipe();
  const program = createProgram();
  program
    .exitOverride()
    .showHelpAfterError('(--help shows what is right)')
    .showSuggestionAfterError()
    .configureOutput({ outputError: (text, write) => write(text.split('\n').map(printable).join('\n')) });
  for (const add of commands) add(program);
  try {
    await program.parseAsync(argv);
  } catch (error) {
    if (!(error instanceof CommanderError)) return fail(error, outputOf(program.opts()));
    process.exitCode = error.exitCode === 0 ? exitCodes.DONE : exitCodes.USAGE;
  }
}

/** Whoever read what this program prints has enough: `| head`. */
function endQuietlyWithPipe(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      process.exit(exitCodes.PIPE_CLOSED);
    });
}
