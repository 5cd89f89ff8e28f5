import { Command, Option } from '@commander-js/extra-typings';
import { serviceVersion } from '../version.ts';
import { readDuration } from './duration.ts';
import { exitCodesHelp } from './exit-codes.ts';

export const defaultUrl = 'http://127.0.0.1:4000/graphql';

/** The command line as such: what holds for every command. The commands are yet to be added. */
export const createProgram = () =>
  new Command('assessment-store')
    .description('Submits assessments to AssessmentStore, waits for them, and runs the service and its workers.')
    .version(serviceVersion, '--version', 'print the version')
    .helpOption('-h, --help', 'print help; after a command, that of the command')
    .addOption(new Option('--url <url>', "the service's GraphQL API").env('ASSESSMENT_STORE_URL').default(defaultUrl))
    .addOption(
      new Option('--token <token>', 'sent to the service; better by the environment, where others do not see it').env(
        'ASSESSMENT_STORE_TOKEN',
      ),
    )
    .option('--json', 'print JSON, one value a line; errors too')
    .option('--timeout <duration>', 'give up after so long: 500ms, 30s, 5m … (default: wait and watch never, others 30s)', readDuration)
    .option('-q, --quiet', 'print nothing but what was asked for, and errors')
    .option('--no-color', 'no colours (env: NO_COLOR)')
    // For what is drawn: the environment is read here, with the other variables.
    .addOption(new Option('--terminal <kind>').env('TERM').hideHelp())
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', `\n${exitCodesHelp}\n`);

export type Program = ReturnType<typeof createProgram>;
/** What holds for every command. */
export type Globals = ReturnType<Program['opts']>;

/** Help texts: the examples of a command. */
export const examples = (...lines: readonly string[]): string => `\nExamples\n${lines.map((line) => `  ${line}`).join('\n')}`;
