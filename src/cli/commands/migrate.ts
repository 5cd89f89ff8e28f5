import { examples, type Program } from '../globals.ts';
import { refuseGlobals } from '../refuse-globals.ts';

export const addMigrate = (program: Program) =>
  program
    .command('migrate')
    .description('bring the database of DATABASE_URL, or the embedded one, up to this version; serve does it too')
    .option('--rolled-back <migration>', 'first record that this failed migration was undone by hand')
    .option('--applied <migration>', 'first record that this failed migration was completed by hand')
    // None of the global options means anything here.
    .configureHelp({ showGlobalOptions: false })
    .addHelpText('after', examples('DATABASE_URL=postgresql://me@db/assessments assessment-store migrate'))
    .action(async ({ rolledBack, applied }, command) => {
      refuseGlobals(command, ['url', 'token', 'json', 'timeout', 'quiet', 'color']);
      const [{ runTool }, { runMigrations }, { parseDatabaseConfig, readEnvironment }] = await Promise.all([
        import('../../database/console-log.ts'),
        import('../../database/run-migrations.ts'),
        import('../../config.ts'),
      ]);
      await runTool(() => runMigrations(parseDatabaseConfig(readEnvironment()), { rolledBack, applied }));
    });
