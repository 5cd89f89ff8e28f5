import { execFile, spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import WebSocket from 'ws';
import { parse } from 'yaml';
import { eventually } from '../support/eventually.ts';
import { type Sample, scrape, sumOf } from '../support/metrics.ts';
import { startTestApp, type TestApp } from '../support/test-app.ts';

interface Alert {
  alert: string;
  expr: string;
  annotations: { summary: string; runbook: string };
}
interface AlertCase {
  alert_rule_test: { alertname: string; exp_alerts: unknown[] }[];
}
interface Panel {
  title: string;
  targets?: { expr: string; legendFormat: string }[];
}

const place = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const read = (path: string): Promise<string> => readFile(place(path), 'utf8');
const readAlerts = async () =>
  (parse(await read('deploy/prometheus/alerts.yml')) as { groups: { rules: Alert[] }[] }).groups.flatMap(({ rules }) => rules);
const readPanels = async () => (JSON.parse(await read('deploy/grafana/dashboards/assessment-store.json')) as { panels: Panel[] }).panels;

/** The metrics of Redis are only there with Redis. */
const hasRedis = inject('redisUrl') !== '';
const testShown = test.skipIf(!hasRedis);

let service: TestApp | undefined;
let samples: Sample[];
let text: string;
beforeAll(async () => {
  if (!hasRedis) return;
  service = await startTestApp({ REDIS_URL: inject('redisUrl') });
  await beBusy(service);
  samples = await scrape(service.url);
  text = await (await fetch(new URL('/metrics', service.url))).text();
});
afterAll(() => service?.stop());

/** Some of everything that is only counted when it happens. */
async function beBusy(service: TestApp): Promise<void> {
  await service.send('mutation { createAssessment(input: { assessmentId: "a", type: HEALTH }) { __typename } }');
  await service.send('mutation { cancelAssessment(input: { assessmentId: "a", reason: "x" }) { __typename } }');
  await service.send('mutation { cancelAssessment(input: { assessmentId: "a", reason: "x" }) { __typename } }');
  await service.send('{ assessment(assessmentId: "a") { state } }');
  await service.send('{ assessment(assessmentId: "b") { state } }');
  const psql = await service.database.connect();
  await psql.query('alter table assessment_states rename to away');
  await service.send('{ assessment(assessmentId: "b") { state } }');
  await psql.query('alter table away rename to assessment_states');
  // The service closes a socket that begins with an operation.
  await new Promise<void>((resolve) => {
    const socket = new WebSocket(service.url.replace('http', 'ws'), 'graphql-transport-ws');
    socket.on('open', () => socket.send(JSON.stringify({ type: 'subscribe', id: '1', payload: { query: '{ feedCursor }' } })));
    socket.on('close', () => resolve());
  });
  await eventually('garbage was collected', async () => {
    const rubbish = Array.from({ length: 100_000 }, () => ({}));
    return rubbish.length > 0 && sumOf(await scrape(service.url), 'nodejs_gc_duration_seconds_count') > 0;
  });
}

/** Prometheus makes these by itself, and adds these labels. */
const ofPrometheus = ['up'];
const labelsOfPrometheus = ['job', 'instance'];

/** The metrics of an expression, each with the labels that it is chosen by. */
function selectorsOf(expr: string): { name: string; labels: [name: string, operator: string, value: string][] }[] {
  return [...expr.matchAll(/\b([a-z_]\w*)\{([^}]*)\}/g)].map(([, name = '', inner = '']) => ({
    name,
    labels: [...inner.matchAll(/(\w+)(=~|!~|!=|=)"([^"]*)"/g)].map(([, label = '', operator = '', value = '']) => [label, operator, value]),
  }));
}
const groupedBy = (expr: string): string[] =>
  [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, names = '']) => names.split(',').map((name) => name.trim()));

/** What is wrong with an expression, by what the service really shows. */
function flaws(expr: string): string[] {
  const found: string[] = [];
  const selectors = selectorsOf(expr);
  if (selectors.length === 0) found.push(`${expr}: names no metric`);
  for (const { name, labels } of selectors) {
    if (ofPrometheus.includes(name)) continue;
    const shown = samples.filter((sample) => sample.name === name);
    if (shown.length === 0) found.push(`there is no metric ${name}`);
    for (const [label] of labels)
      if (!labelsOfPrometheus.includes(label) && !shown.some((sample) => label in sample.labels))
        found.push(`${name} has no label ${label}`);
  }
  const known = new Set(
    selectors.flatMap(({ name }) => samples.filter((sample) => sample.name === name).flatMap(({ labels }) => Object.keys(labels))),
  );
  for (const label of groupedBy(expr))
    if (!labelsOfPrometheus.includes(label) && !known.has(label)) found.push(`${expr}: nothing has the label ${label}`);
  return found;
}

/** Values that only come up when something goes wrong, and are named so in the code. */
const rare = ['INTERNAL', 'OVERLOADED', 'TIMEOUT'];

testShown('every metric of an alert is shown by a service that runs, with its labels', async () => {
  const alerts = await readAlerts();
  expect(alerts.length).toBeGreaterThan(15);
  expect(alerts.flatMap(({ expr }) => flaws(expr))).toEqual([]);
  for (const { expr } of alerts)
    for (const { name, labels } of selectorsOf(expr))
      for (const [label, operator, value] of labels.filter(([key, sign]) => !labelsOfPrometheus.includes(key) && sign.startsWith('=')))
        for (const one of operator === '=~' ? value.split('|') : [value])
          expect(
            rare.includes(one) || samples.some((sample) => sample.name === name && sample.labels[label] === one),
            `${name} ${label}=${one}`,
          ).toBe(true);
});

testShown('every metric of the dashboard is shown by a service that runs, with its labels and legends', async () => {
  const panels = (await readPanels()).filter(({ targets }) => targets !== undefined);
  expect(panels.length).toBeGreaterThan(20);
  const targets = panels.flatMap(({ targets = [] }) => targets);
  expect(targets.flatMap(({ expr }) => flaws(expr))).toEqual([]);
  for (const { expr, legendFormat } of targets)
    for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g))
      expect(
        groupedBy(expr).includes(label) || (groupedBy(expr).length === 0 && labelsOfPrometheus.includes(label)),
        `${legendFormat}: ${expr}`,
      ).toBe(true);
});

testShown('a metric that there is not would be found', () => {
  expect(flaws('rate(assessment_store_nothing_total{job="x"}[5m])')).toEqual(['there is no metric assessment_store_nothing_total']);
  expect(flaws('sum by (shape) (assessment_store_sockets{color="red"})')).toHaveLength(2);
});

describe('the documentation', () => {
  testShown('docs/observability.md lists every metric of the service with its type and labels, and no other', async () => {
    const page = await read('docs/observability.md');
    const rows = [...page.matchAll(/^\| `(assessment_store_\w+)` \| (\w+) \|([^|]*)\|/gm)].map(([, name, type, labels = '']) => [
      ...[name, type],
      [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label),
    ]);
    const types = [...text.matchAll(/^# TYPE (assessment_store_\w+) (\w+)$/gm)].map(([, name = '', type]) => {
      const own = samples.filter((sample) => sample.name === name || (type === 'histogram' && sample.name === `${name}_count`));
      return [name, type, [...new Set(own.flatMap(({ labels }) => Object.keys(labels)))]];
    });
    const byName = (all: unknown[][]) => all.toSorted(([a], [b]) => String(a).localeCompare(String(b)));
    expect(byName(rows)).toEqual(byName(types));
  });

  test('docs/runbook.md says of every alert what it means and what to do, and of no other', async () => {
    const page = await read('docs/runbook.md');
    const entries = [...page.matchAll(/^## (\w+)\n\n\*\*Means\.\*\* \S[\s\S]*?\n\n\*\*Do\.\*\* \S/gm)].map(([, name]) => name);
    const alerts = await readAlerts();
    expect([...page.matchAll(/^## (.*)$/gm)].map(([, name]) => name)).toEqual(entries);
    expect(entries.toSorted()).toEqual(alerts.map(({ alert }) => alert).toSorted());
    for (const { alert, annotations } of alerts) expect(annotations.runbook).toBe(`docs/runbook.md#${alert.toLowerCase()}`);
    const named = [...page.matchAll(/\bAssessmentStore[A-Z]\w+/g)].map(([name]) => name);
    expect(named.filter((name) => !entries.includes(name))).toEqual([]);
  });
});

describe('the cases of the alerts', () => {
  test('there is one in which each fires, and one in which it does not', async () => {
    const { tests } = parse(await read('deploy/prometheus/alerts.test.yml')) as { tests: AlertCase[] };
    const cases = tests.flatMap((one) => one.alert_rule_test);
    const names = (fires: boolean) =>
      [...new Set(cases.filter(({ exp_alerts }) => exp_alerts.length > 0 === fires).map(({ alertname }) => alertname))].toSorted();
    const alerts = (await readAlerts()).map(({ alert }) => alert).toSorted();
    expect(names(true)).toEqual(alerts);
    expect(names(false)).toEqual(alerts);
  });

  const hasPromtool = spawnSync('promtool', ['--version']).status === 0;
  if (!hasPromtool)
    console.warn('*** promtool is not on the PATH: the alerts are NOT tested here (Debian: apt-get install prometheus). ***');
  test.skipIf(!hasPromtool)('promtool finds them as they should be', async () => {
    const promtool = promisify(execFile);
    await promtool('promtool', ['check', 'rules', place('deploy/prometheus/alerts.yml')]);
    const { stdout } = await promtool('promtool', ['test', 'rules', place('deploy/prometheus/alerts.test.yml')]);
    expect(stdout).toContain('SUCCESS');
  });
});
