// Every shipped rule finds its hits, leaves its near misses alone, and does so on each engine there is.
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { buildMatcher } from '../../../../src/base/matcher/choose.js';
import type { Matcher } from '../../../../src/base/matcher/types.js';
import { toPatterns } from '../../../../src/engines/dlp/scanner.js';
import { lintPattern } from '../../../../src/engines/dlp/pattern-lint.js';
import { shippedRules, shippedScanner } from './shipped-rules.js';

const scanner = shippedScanner();
/** The engines that are built here; each is held to the plain one. */
const engines = (['hyperscan', 're2'] as const).flatMap((engine): Matcher[] => {
  try {
    return [buildMatcher(toPatterns(shippedRules), { engine })];
  } catch {
    return [];
  }
});
afterAll(() => engines.forEach((engine) => engine.close()));
const rulesFound = (text: string): string[] => scanner.scanText(text, '$').map((finding) => finding.rule);

describe('shipped rules', () => {
  it('are about as many as the three categories need', () => {
    const count = (category: string): number => shippedRules.filter((rule) => rule.category === category).length;
    expect(count('credentials')).toBeGreaterThanOrEqual(20);
    expect(count('injection')).toBeGreaterThanOrEqual(12);
    expect(count('pii')).toBeGreaterThanOrEqual(12);
  });

  for (const rule of shippedRules) {
    it(`${rule.id} finds its hits and leaves its near misses`, () => {
      expect(lintPattern(rule.pattern)).toBeUndefined();
      for (const hit of rule.hits) expect(rulesFound(hit), hit).toContain(rule.id);
      for (const miss of rule.misses) expect(rulesFound(miss), miss).not.toContain(rule.id);
    });

    it(`${rule.id} can only match where one of its keywords is`, () => {
      if (rule.keywords.length === 0) return;
      for (const hit of rule.hits) expect(rule.keywords.some((word) => hit.toLowerCase().includes(word)), hit).toBe(true);
    });
  }

  it('take no UUID, hash, time stamp or version for anything', () => {
    const harmless = [
      '{"id":"3f2504e0-4f89-41d3-9a0c-0305e82c3301","progressToken":"3f2504e0-4f89-41d3-9a0c-0305e82c3301"}',
      '{"sha256":"bcc9258a1e9c4d0b8a5f6e7d3c2b1a09f8e7d6c5b4a39281706f5e4d3c2bc9e4","at":1732437948123456}',
      '{"version":"1.2.3-rc.4+build.5","date":"2024-11-24T08:25:48Z","pi":3.141592653589793}',
      '{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"},"cursor":"eyJvZmZzZXQiOjEwMH0="}',
    ];
    for (const text of harmless) expect(rulesFound(text), text).toEqual([]);
  });
});

describe.each(engines.map((engine) => [engine.engine, engine] as const))('shipped rules on %s', (_name, matcher) => {
  const other = shippedScanner({ matcher });
  const samples = shippedRules.flatMap((rule) => [...rule.hits, ...rule.misses]);

  it('give the findings of the plain engine on every sample', () => {
    for (const sample of samples) expect(other.scanText(sample, '$'), sample).toEqual(scanner.scanText(sample, '$'));
  });

  it('give the findings of the plain engine on any mixture of samples and noise', () => {
    fc.assert(fc.property(fc.array(fc.oneof(fc.constantFrom(...samples), fc.string({ unit: 'binary', maxLength: 20 })), { maxLength: 6 }), fc.constantFrom('', ' ', '\n', '"'), (parts, glue) => {
      const text = parts.join(glue);
      expect(other.scanText(text, '$')).toEqual(scanner.scanText(text, '$'));
    }), { numRuns: 400 });
  });
});
