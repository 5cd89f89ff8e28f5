import { examples, type Program } from '../globals.ts';
import { refuseGlobals } from '../refuse-globals.ts';

export const addServe = (program: Program) =>
  program
    .command('serve')
    .description('run the service until Ctrl-C; the environment, or a file .env here, configures it (docs/operations.md)')
    // None of the global options means anything here.
    .configureHelp({ showGlobalOptions: false })
    .addHelpText(
      'after',
      examples(
        'assessment-store serve',
        'PORT=4001 DATABASE_URL=postgresql://me@db/assessments assessment-store serve',
        'WORKER=true assessment-store serve',
      ),
    )
    .action(async (_, command) => {
      refuseGlobals(command, ['url', 'token', 'json', 'timeout', 'quiet', 'color']);
      // What answers people at once must not wait for the whole service to load.
      const { runService } = await import('../../run-service.ts');
      await runService();
    });
