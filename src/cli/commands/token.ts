import { readDuration } from '../duration.ts';
import { UsageError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { examples, type Program } from '../globals.ts';
import { refuseGlobals } from '../refuse-globals.ts';
import { fail, outputOf } from '../session.ts';

const everything = 'assessments:read assessments:write assessments:work assessments:admin';

export const addToken = (program: Program) =>
  program
    .command('token')
    .description('make a token for development, signed with AUTH_JWT_SECRET; not where NODE_ENV is production')
    .option('--subject <name>', 'who it is for; the audit trail shows it', 'developer')
    .option('--tenant <name>', 'whose assessments', 'default')
    .option('--scope <scopes>', 'what it allows, with blanks between', everything)
    .option('--expires <duration>', 'how long it is good', readDuration, 3_600_000)
    // None of the global options means anything here.
    .configureHelp({ showGlobalOptions: false })
    .addHelpText(
      'after',
      examples(
        'export AUTH_JWT_SECRET=$(openssl rand -base64 48)',
        "export ASSESSMENT_STORE_TOKEN=$(assessment-store token --subject me --scope 'assessments:read assessments:write')",
        'assessment-store token --tenant acme --expires 5m',
      ),
    )
    .action(async (options, command) => {
      refuseGlobals(command, ['url', 'token', 'json', 'timeout', 'quiet', 'color']);
      const output = outputOf(program.opts());
      try {
        await output.line(await signed(options));
        process.exitCode = exitCodes.DONE;
      } catch (error) {
        fail(error, output);
      }
    });

interface Wanted {
  subject: string;
  tenant: string;
  scope: string;
  expires: number;
}

/** The token. @throws UsageError where there is no secret, what is wanted would be refused, or it is production. */
async function signed({ subject, tenant, scope, expires }: Wanted): Promise<string> {
  const [{ algorithmsOf, parseTokenConfig, readEnvironment }, { signDevelopmentToken }, { identityOf }] = await Promise.all([
    import('../../config.ts'),
    import('../../auth/development-token.ts'),
    import('../../auth/claims.ts'),
  ]);
  const config = usable(() => parseTokenConfig(readEnvironment()));
  if (config.NODE_ENV === 'production') throw new UsageError('NODE_ENV is production: tokens come from an identity provider there');
  const { AUTH_JWT_SECRET: secret, AUTH_ISSUER: issuer, AUTH_AUDIENCE: audience } = config;
  const [algorithm] = algorithmsOf(config);
  if (secret === undefined || algorithm === undefined)
    throw new UsageError(
      'AUTH_JWT_SECRET is not set: it is the secret that the service checks tokens by, such as that of openssl rand -base64 48',
    );
  usable(() => identityOf({ sub: subject, tenant, scope, exp: 0 }, 0));
  return signDevelopmentToken({ secret, algorithm, subject, tenant, scope, lifeMs: expires, issuer, audience });
}

function usable<Value>(read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    throw error instanceof Error ? new UsageError(error.message) : error;
  }
}
