import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { parseConfig, variables } from '../../src/config.ts';
import { exitCodes, StartupError } from '../../src/startup-error.ts';

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

  test('refuses to be open to the network, or in production, unless that is said in so many words', () => {
    const open = { ALLOW_UNAUTHENTICATED: 'true' };
    for (const environment of [
      { NODE_ENV: 'production' },
      { HOST: '0.0.0.0' },
      { HOST: '::' },
      { HOST: '192.168.1.5' },
      { HOST: 'example.com' },
    ]) {
      expect(refusal(environment).message).toContain('ALLOW_UNAUTHENTICATED=true');
      expect(parseConfig({ ...environment, ...open })).toMatchObject(environment);
    }
    for (const HOST of ['127.0.0.1', '127.0.0.2', '::1', 'localhost']) expect(parseConfig({ HOST }).HOST).toBe(HOST);
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
