import { expect, inject, test } from 'vitest';
import { metricsOf, scrape, sumOf } from '../support/metrics.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { startTestApp } from '../support/test-app.ts';
import { createTestDatabase } from '../support/test-database.ts';

test('a database that falls silent holds up neither scrapes nor health checks, and they do not take its connections', async () => {
  const database = await createTestDatabase();
  const proxy = await TcpProxy.before(inject('serverUrl'));
  const service = await startTestApp(
    { DATABASE_URL: proxy.through(database.url), STATEMENT_TIMEOUT_MS: 60_000, DATABASE_POOL_SIZE: 6 },
    database,
  );
  try {
    expect(sumOf(await scrape(service.url), 'assessment_store_database_up')).toBe(1);
    const ask = async (path: string) => (await fetch(new URL(path, service.url))).status;
    expect(await ask('/health/ready')).toBe(200);
    proxy.fallSilent();
    for (let round = 0; round < 3; round++)
      expect(await Promise.all(Array.from({ length: 20 }, () => ask('/health/ready')))).toEqual(Array.from({ length: 20 }, () => 503));
    expect(await ask('/health/live')).toBe(200);
    // Of five seconds ago, it may still be fresh.
    let shown = await metricsOf(service);
    while (shown('assessment_store_database_up') === 1) shown = await metricsOf(service);
    expect((await scrape(service.url)).filter(({ name }) => name.startsWith('assessment_store_queue_') && !/seconds_/.test(name))).toEqual(
      [],
    );
    expect(shown('assessment_store_transitions_total')).toBe(0);
    // One for each part of the health, one for the queues, and the loops of the service.
    expect(shown('assessment_store_database_waiting')).toBe(0);
  } finally {
    await proxy.stop();
    await service.stop();
    await database.drop();
  }
});
