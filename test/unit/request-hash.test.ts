import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CreateAssessment } from '../../src/store/inputs.ts';
import { optionsOf, requestDataOf, requestHashOf } from '../../src/store/request.ts';

const hashOf = (input: CreateAssessment) => requestHashOf(requestDataOf(input));

const full = {
  type: 'SECURITY',
  source: 'COMPLIANCE',
  serverName: 'web-1',
  priority: 3,
  timeoutMs: 1_000,
  maxRetries: 2,
  timestamp: new Date('2026-01-02T03:04:05.678Z'),
  options: {
    ...{ includeDetails: false, generateReport: true, saveResults: false, checkServerStatus: false, validateConfig: true },
    ...{ checkCompliance: false, serverFilter: ['a', 'b'], deepScan: true, timeout: 5 },
  },
  metadata: { team: 'blue', nested: { list: [1, { two: 2 }], none: null } },
} as const satisfies Omit<CreateAssessment, 'options'> & { options: object };
const request: CreateAssessment = { ...full, options: { ...full.options, serverFilter: [...full.options.serverFilter] } };

const reversed = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, inner]) => [key, reversed(inner)]),
  );
};

describe('the hash of a request', () => {
  test('does not depend on the order of keys, at any depth', () => {
    expect(hashOf(reversed(request) as CreateAssessment)).toBe(hashOf(request));
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (metadata) => {
        const input: CreateAssessment = { type: 'HEALTH', metadata };
        expect(hashOf(reversed(input) as CreateAssessment)).toBe(hashOf(input));
      }),
    );
  });

  test('is the same whether a default is named, null, undefined or left out', () => {
    const short = hashOf({ type: 'HEALTH' });
    const defaults = optionsOf({});
    const named: CreateAssessment = { type: 'HEALTH', source: 'API', priority: 5, maxRetries: 0, options: defaults };
    expect(hashOf(named)).toBe(short);
    expect(hashOf({ type: 'HEALTH', options: {} })).toBe(short);
    const nothing = { source: null, serverName: null, options: null, priority: null, timeoutMs: null, maxRetries: null };
    expect(hashOf({ type: 'HEALTH', ...nothing, timestamp: null, metadata: null, assessmentId: null })).toBe(short);
    const nullOptions = Object.fromEntries(Object.keys(defaults).map((key) => [key, null]));
    expect(hashOf({ type: 'HEALTH', options: nullOptions, serverName: undefined })).toBe(short);
  });

  test('is the SHA-256 of its canonical JSON as RFC 8785 has it, with the defaults filled in', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (metadata) => {
        const text = canonicalize({ type: 'HEALTH', source: 'API', priority: 5, maxRetries: 0, options: optionsOf({}), metadata });
        expect(hashOf({ type: 'HEALTH', metadata })).toBe(createHash('sha256').update(String(text)).digest('hex'));
      }),
    );
  });

  test('does not depend on the key of the assessment, which is compared by itself', () => {
    expect(hashOf({ type: 'HEALTH', assessmentId: 'a' })).toBe(hashOf({ type: 'HEALTH' }));
  });

  test.each<[string, Partial<CreateAssessment>]>([
    ['type', { type: 'HEALTH' }],
    ['source', { source: 'INSTALLER' }],
    ['serverName', { serverName: 'web-2' }],
    ['no serverName', { serverName: null }],
    ['priority', { priority: 4 }],
    ['timeoutMs', { timeoutMs: 1_001 }],
    ['maxRetries', { maxRetries: 3 }],
    ['timestamp', { timestamp: new Date('2026-01-02T03:04:05.679Z') }],
    ['no metadata', { metadata: null }],
    ['a value in the metadata', { metadata: { ...request.metadata, team: 'red' } }],
    ['one more key in the metadata', { metadata: { ...request.metadata, more: null } }],
    ['a list in another order', { options: { ...request.options, serverFilter: ['b', 'a'] } }],
    ['no options', { options: null }],
  ])('differs with %s', (_, difference) => {
    expect(hashOf({ ...request, ...difference })).not.toBe(hashOf(request));
  });

  test('differs with each option', () => {
    for (const [name, value] of Object.entries(optionsOf({}))) {
      const other = name === 'serverFilter' ? ['x'] : name === 'timeout' ? 6 : !value;
      expect(hashOf({ type: 'HEALTH', options: { [name]: other } }), name).not.toBe(hashOf({ type: 'HEALTH' }));
    }
  });

  test('is kept beside a request that is what was submitted, without what was left out', () => {
    expect(requestDataOf({ type: 'HEALTH', serverName: null, options: { deepScan: true, timeout: null } })).toEqual({
      type: 'HEALTH',
      options: { deepScan: true },
    });
    expect(requestDataOf(request)).toEqual({ ...request, timestamp: '2026-01-02T03:04:05.678Z' });
  });
});
