import { expect, test } from 'vitest';
import { parseConfig } from '../../src/config.ts';

const headers = (text: string) => parseConfig({ OTEL_EXPORTER_OTLP_HEADERS: text }).OTEL_EXPORTER_OTLP_HEADERS;

test('headers for the collector are read as OpenTelemetry has them', () => {
  expect(headers('authorization=Bearer%20abc%3D, x-tenant=a=b')).toEqual({ authorization: 'Bearer abc=', 'x-tenant': 'a=b' });
  expect(headers('broken=%zz%ff')).toEqual({ broken: expect.stringMatching(/^%zz/) });
});

test('what is none is refused, without being shown', () => {
  expect(() => headers('hunter2')).not.toThrow(); // a header without a value
  for (const bad of ['a b=hunter2', '=hunter2']) {
    expect(() => headers(bad)).toThrow(/OTEL_EXPORTER_OTLP_HEADERS must be name=value/);
    expect(() => headers(bad)).not.toThrow(/hunter2/);
  }
});

test.each(['2', '-1', '1.5', '0,5', 'all'])('a part that is none of 0 to 1 is refused: %s', (text) => {
  expect(() => parseConfig({ OTEL_TRACES_SAMPLER_ARG: text })).toThrow(/must be a number from 0 to 1/);
});

test('nothing is traced by default, and metrics are counted', () => {
  expect(parseConfig({})).toMatchObject({ METRICS: true, OTEL_TRACES_SAMPLER_ARG: 1, OTEL_SERVICE_NAME: 'assessment-store' });
  expect(parseConfig({}).OTEL_EXPORTER_OTLP_ENDPOINT).toBeUndefined();
  expect(() => parseConfig({ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4317' })).toThrow(/OTEL_EXPORTER_OTLP_ENDPOINT must be a URL/);
});
