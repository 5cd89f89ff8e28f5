import type { Assessment } from '../../store/index.ts';
import { someOf, types } from '../choice.ts';
import { readDuration } from '../duration.ts';
import { examples, type Globals, type Program } from '../globals.ts';
import { refuseGlobals } from '../refuse-globals.ts';
import { connect, fail, outputOf } from '../session.ts';
import { wholeNumber } from '../whole-number.ts';

export const addWorker = (program: Program) =>
  program
    .command('worker')
    .description('work until Ctrl-C: claim assessments, and run the built-in checks (docs/checks.md)')
    .option('--types <types>', 'only these: compliance, health, security', someOf(...types))
    .option('--concurrency <number>', 'how many at a time, 1 to 500 (WORKER_CONCURRENCY, 10)', wholeNumber(1, 500))
    .option('--lease <duration>', 'how soon others take over when this process dies (WORKER_LEASE_MS, 30s)', readDuration)
    .option('--targets <list>', 'what the checks may connect to (CHECK_TARGETS, this machine)')
    .option('--rules <file>', 'the rules of compliance checks (CHECK_RULES, built in)')
    .addHelpText(
      'after',
      examples('assessment-store worker', 'assessment-store worker --types health --concurrency 50 --targets "*.example.com,10.0.0.0/8"'),
    )
    .action(async ({ types, concurrency, lease, targets, rules }, command) => {
      refuseGlobals(command, ['timeout', 'color']);
      const globals: Globals = command.optsWithGlobals();
      const given = {
        ...(concurrency !== undefined && { WORKER_CONCURRENCY: String(concurrency) }),
        ...(lease !== undefined && { WORKER_LEASE_MS: String(lease) }),
        ...(targets !== undefined && { CHECK_TARGETS: targets }),
        ...(rules !== undefined && { CHECK_RULES: rules }),
      };
      await work(globals, given, types).catch((error: unknown) => fail(error, outputOf(globals)));
    });

/** Starts a worker that ends by a signal; the process ends when it has stopped. */
async function work(globals: Globals, given: Record<string, string>, types: Assessment['type'][] | undefined): Promise<void> {
  const [{ parseWorkerConfig, readEnvironment }, { createRemoteWorker, loadChecks }, { createLog }, { stopOnSignals }] = await Promise.all([
    import('../../config.ts'),
    import('../../built-in-worker.ts'),
    import('../../log.ts'),
    import('../../worker/stop-on-signals.ts'),
  ]);
  const config = parseWorkerConfig({ ...readEnvironment(), ...given });
  const log = createLog({
    NODE_ENV: globals.json ? 'production' : config.NODE_ENV,
    LOG_LEVEL: globals.quiet ? 'warn' : config.LOG_LEVEL,
  });
  const check = await loadChecks(config);
  const client = await connect(globals);
  const worker = createRemoteWorker(client.work, check, config, log, types);
  stopOnSignals(worker, () => client.close());
  worker.start();
  log.info({ workerId: worker.workerId, targets: config.CHECK_TARGETS }, 'working: Ctrl-C ends it');
}
