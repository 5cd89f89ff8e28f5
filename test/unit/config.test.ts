import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { parseConfig, variables } from '../../src/config.ts';
import { exitCodes, StartupError } from '../../src/startup-error.ts';

const secret = 'x'.repeat(40);
const issuer = { AUTH_ISSUER: 'https://id.example', AUTH_AUDIENCE: 'assessment-store' };

function refusal(environment: NodeJS.ProcessEnv): StartupError {
  try {
    parseConfig(environment);
  } catch (error) {
    if (error instanceof StartupError) return error;
    throw error;
  }
  throw new Error('was not refused');
}

describe('the configuration', () => {
  test('needs nothing: an empty environment is a development service on the loopback', () => {
    expect(parseConfig({})).toMatchObject({
      HOST: '127.0.0.1',
      PORT: 4_000,
      NODE_ENV: 'development',
      ALLOWED_ORIGINS: [],
      LOG_LEVEL: 'info',
    });
    expect(parseConfig({}).DATABASE_URL).toBeUndefined();
    expect(parseConfig({ PORT: '', DATABASE_URL: '  ' })).toEqual(parseConfig({}));
  });

  test('reports every bad variable at once, with what it is and what it should be', () => {
    const bad: Record<string, string> = {
      ...{ NODE_ENV: 'prod', PORT: '70000', DATABASE_URL: 'mysql://db', DATABASE_POOL_SIZE: '1', STATEMENT_TIMEOUT_MS: '5s' },
      ...{ REDIS_URL: 'localhost:6379', REDIS_PREFIX: 'a b', RECONCILE_MS: '0', CACHE_ENTRIES: '-1', COMMAND_CONCURRENCY: '0' },
      ...{ LOCK_PATIENCE_MS: '1e3', RETRY_BASE_MS: '0', RETRY_CAP_MS: 'x', MAX_BODY_BYTES: '12', MAX_REQUEST_BYTES: '1.5' },
      ...{ ALLOWED_ORIGINS: 'https://a.example,b.example/path', ALLOW_UNAUTHENTICATED: 'yes', GRAPHIQL: '1', LOG_LEVEL: 'verbose' },
      ...{ STOP_TIMEOUT_MS: '99999999999999' },
    };
    const error = refusal(bad);
    expect(error.failure).toBe('CONFIG_INVALID');
    expect(error.exitCode).toBe(exitCodes.CONFIG_INVALID);
    const lines = error.message.split('\n').filter((line) => line.startsWith('  - '));
    expect(lines.map((line) => line.slice(4).split(' ')[0])).toEqual(Object.keys(bad));
    for (const line of lines) expect(line).toMatch(/ must /);
    expect(error.message).toContain('PORT must be a whole number from 0 to 65535, not "70000"');
  });

  test('never shows the password of an address', () => {
    expect(refusal({ DATABASE_URL: 'mysql://me:secret@db' }).message).not.toContain('secret');
  });

  test('refuses to be open to the network, unless that is said in so many words, or there is authentication', () => {
    const open = { ALLOW_UNAUTHENTICATED: 'true' };
    for (const environment of [{ HOST: '0.0.0.0' }, { HOST: '::' }, { HOST: '192.168.1.5' }, { HOST: 'example.com' }]) {
      expect(refusal(environment).message).toContain('ALLOW_UNAUTHENTICATED=true');
      expect(parseConfig({ ...environment, ...open })).toMatchObject(environment);
      expect(parseConfig({ ...environment, AUTH_JWT_SECRET: secret })).toMatchObject(environment);
    }
    for (const HOST of ['127.0.0.1', '127.0.0.2', '::1', 'localhost']) expect(parseConfig({ HOST }).HOST).toBe(HOST);
  });

  test('refuses production without authentication, whatever else is said', () => {
    for (const environment of [{}, { ALLOW_UNAUTHENTICATED: 'true' }, { HOST: '127.0.0.1' }])
      expect(refusal({ NODE_ENV: 'production', ...environment }).message).toContain('there is no authentication');
    for (const keys of [{ AUTH_JWT_SECRET: secret }, { AUTH_JWKS_URL: 'https://id.example/jwks', ...issuer }])
      expect(parseConfig({ NODE_ENV: 'production', HOST: '0.0.0.0', ...keys })).toMatchObject(keys);
  });

  test.each([
    ['a secret that is too short', { AUTH_JWT_SECRET: 'x'.repeat(31) }, 'AUTH_JWT_SECRET must be at least 32 bytes long'],
    [
      'one too short for its digest',
      { AUTH_JWT_SECRET: secret, AUTH_ALGORITHMS: 'HS256,HS512' },
      'at least 64 bytes long for HS256, HS512',
    ],
    ['a secret and keys', { AUTH_JWT_SECRET: secret, AUTH_JWKS_URL: 'https://id.example/jwks', ...issuer }, 'must not both be set'],
    ['keys without an issuer', { AUTH_JWKS_URL: 'https://id.example/jwks', AUTH_AUDIENCE: 'a' }, 'AUTH_ISSUER must be set'],
    ['keys without an audience', { AUTH_JWKS_URL: 'https://id.example/jwks', AUTH_ISSUER: 'a' }, 'AUTH_AUDIENCE must be set'],
    [
      'keys for a secret',
      { AUTH_JWKS_URL: 'https://id.example/jwks', ...issuer, AUTH_ALGORITHMS: 'RS256,HS256' },
      'AUTH_ALGORITHMS must be of RS256',
    ],
    ['a secret for keys', { AUTH_JWT_SECRET: secret, AUTH_ALGORITHMS: 'RS256' }, 'AUTH_ALGORITHMS must be of HS256'],
    ['no signature', { AUTH_JWT_SECRET: secret, AUTH_ALGORITHMS: 'HS256,none' }, 'AUTH_ALGORITHMS must be of HS256'],
    [
      'no signature with keys',
      { AUTH_JWKS_URL: 'https://id.example/jwks', ...issuer, AUTH_ALGORITHMS: 'none' },
      'AUTH_ALGORITHMS must be of RS256',
    ],
    ['keys in the clear', { NODE_ENV: 'production', AUTH_JWKS_URL: 'http://id.example/jwks', ...issuer }, 'must begin with https://'],
    ['an address that is none', { AUTH_JWKS_URL: 'file:///keys' }, 'AUTH_JWKS_URL must be a URL that begins with https://'],
  ])('of tokens refuses %s, and shows no secret', (_, environment, why) => {
    const { message } = refusal(environment);
    expect(message).toContain(why);
    expect(message).not.toContain('xxxx');
  });

  test('refuses a cap on retries that is below their base', () => {
    expect(refusal({ RETRY_BASE_MS: '500', RETRY_CAP_MS: '499' }).message).toContain('RETRY_CAP_MS must not be less than RETRY_BASE_MS');
  });

  test('and .env.example name the same variables', async () => {
    const example = await readFile(new URL('../../.env.example', import.meta.url), 'utf8');
    const named = [...example.matchAll(/^#? ?([A-Z][A-Z0-9_]*)=/gm)].map(([, name]) => name);
    expect(named.toSorted()).toEqual(Object.keys(variables.shape).toSorted());
  });
});
