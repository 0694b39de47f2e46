// The choice of the engine, both engines on the same cases, their agreement, and the sharing of compiled databases.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { buildMatcher } from '../../../../src/base/matcher/choose.js';
import { lintPattern } from '../../../../src/base/matcher/lint.js';
import type { Pattern } from '../../../../src/base/matcher/types.js';
import { haveGitleaks, readGitleaks, readSecretExamples } from './gitleaks.js';
import { hitsOf } from './hits.js';
import { describeMatcher } from './matcher-cases.js';

const ADDON = fileURLToPath(new URL('../../../../native/build/hyperscan.node', import.meta.url));
const built = existsSync(ADDON);
const scratch = mkdtempSync(join(tmpdir(), 'matcher-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const PATTERNS: readonly Pattern[] = [{ id: 1, source: 'AKIA[0-9A-Z]{16}' }, { id: 2, source: 'secret', caseless: true }, { id: 3, source: 'a.c' }];

describe('buildMatcher', () => {
  it('takes RE2 where the addon is absent or does not load, and says why', () => {
    for (const addonFile of ['/nonexistent/hyperscan.node', fileURLToPath(import.meta.url)]) {
      const matcher = buildMatcher(PATTERNS, { engine: 'auto', addonFile });
      expect(matcher.engine).toBe('re2');
      expect(matcher.serialize()).toBeUndefined();
      expect(hitsOf(matcher, 'a Secret')).toEqual([2]);
    }
  });

  it('throws when Hyperscan is asked for and absent', () => {
    expect(() => buildMatcher(PATTERNS, { engine: 'hyperscan', addonFile: '/nonexistent/hyperscan.node' })).toThrow();
  });

  it('takes RE2 when asked to', () => {
    expect(buildMatcher(PATTERNS, { engine: 're2' }).engine).toBe('re2');
  });

  it.skipIf(!built)('takes Hyperscan where its addon is built', () => {
    expect(buildMatcher(PATTERNS, { engine: 'auto' }).engine).toBe('hyperscan');
  });
});

describeMatcher('re2', (patterns) => buildMatcher(patterns, { engine: 're2' }));

if (built) {
  describeMatcher('hyperscan', (patterns) => buildMatcher(patterns, { engine: 'hyperscan' }));

  describe('a compiled database', () => {
    it('is taken over from shared memory, by the same patterns only', () => {
      const first = buildMatcher(PATTERNS, { engine: 'hyperscan' });
      const serialized = first.serialize();
      expect(serialized?.byteLength).toBeGreaterThan(1000);
      const second = buildMatcher(PATTERNS, { engine: 'hyperscan', serialized });
      expect(second).toMatchObject({ reopened: true });
      first.close();
      expect(hitsOf(second, 'xx SECRET a\u00e9c')).toEqual([2, 3]);
      const other = buildMatcher([...PATTERNS.slice(0, 2), { id: 3, source: 'a.d' }], { engine: 'hyperscan', serialized });
      expect(other).toMatchObject({ reopened: false });
      expect(hitsOf(other, 'abc abd')).toEqual([3]);
    });

    it('is kept in the cache and never believed when damaged', () => {
      const cacheDir = join(scratch, 'cache');
      expect(buildMatcher(PATTERNS, { engine: 'hyperscan', cacheDir })).toMatchObject({ reopened: false });
      expect(buildMatcher(PATTERNS, { engine: 'hyperscan', cacheDir })).toMatchObject({ reopened: true });
      const [name] = readdirSync(cacheDir);
      const file = join(cacheDir, name ?? '');
      expect(statSync(file).mode & 0o777).toBe(0o600);
      const whole = readFileSync(file);
      for (const at of [0, 8, 40, 72, 76, Math.floor(whole.length / 2), whole.length - 1]) {
        const damaged = Buffer.from(whole);
        damaged[at] = (damaged[at] ?? 0) ^ 0x10;
        writeFileSync(file, damaged);
        const matcher = buildMatcher(PATTERNS, { engine: 'hyperscan', cacheDir });
        expect(matcher).toMatchObject({ reopened: false });
        expect(hitsOf(matcher, 'secret')).toEqual([2]);
        expect(readFileSync(file).equals(whole)).toBe(true);
      }
      for (const length of [0, 7, 75, 76, whole.length - 1]) {
        writeFileSync(file, whole.subarray(0, length));
        expect(buildMatcher(PATTERNS, { engine: 'hyperscan', cacheDir })).toMatchObject({ reopened: false });
      }
    });

    it('is built all the same where the cache can\'t be written', () => {
      expect(buildMatcher(PATTERNS, { engine: 'hyperscan', cacheDir: join(fileURLToPath(import.meta.url), 'no-folder') }).engine).toBe('hyperscan');
    });

    it('leaves to RE2 what Hyperscan refuses', () => {
      const patterns: readonly Pattern[] = [{ id: 0, source: 'x' }, { id: 1, source: 'x{0}' }, { id: 2, source: '$\\b' }, { id: 3, source: 'y' }];
      const matcher = buildMatcher(patterns, { engine: 'hyperscan' });
      expect(matcher.besides.map(({ id }) => id).sort()).toEqual([1, 2]);
      expect(hitsOf(matcher, '..xy')).toEqual([0, 1, 2, 3]);
      const again = buildMatcher(patterns, { engine: 'hyperscan', serialized: matcher.serialize() });
      expect(again).toMatchObject({ reopened: true, besides: matcher.besides });
      expect(hitsOf(again, '..x.')).toEqual([0, 1]);
    });
  });

  describe('Hyperscan and RE2', () => {
    /** make soak takes 6,000. */
    const RUNS = Number(process.env.MATCHER_TWIN_RUNS ?? 400);
    const atom = fc.constantFrom('a', 'b', 'K', 's', '1', '_', '-', '.', '[ab]', '[^a]', '[a-f0-9]', '[^\\s1]', '\\d', '\\w', '\\s', '\\W', '\\S', '\\D', '\\b', '\\.', '[\\s\\S]', '[[:alnum:]]', '[[:^alpha:]]', '(?:ab|b1)', '(?i:k)', '(?i)', '$', '^', '\\z', '(a|1)', '\\x61', '\\t', '\\v', '\\B');
    const repeat = fc.constantFrom('', '', '', '?', '*', '+', '{2}', '{1,3}', '{0,2}', '{2,}', '+?', '{1,2}?');
    const source = fc.array(fc.tuple(atom, repeat), { minLength: 1, maxLength: 6 }).map((parts) => parts.map(([one, many]) => one + (/^(?:\\b|\\B|\\z|\$|\^|\(\?i\))$/.test(one) ? '' : many)).join(''));
    const flags = fc.record({ caseless: fc.boolean(), dotAll: fc.boolean(), multiline: fc.boolean() });
    const pattern = fc.tuple(source, flags).filter(([text]) => lintPattern(text) === undefined);
    const ascii = fc.string({ unit: fc.constantFrom(...'aabbKks11_-. \n\t\u000b\rAZz9:='), maxLength: 24 });
    const anyText = fc.string({ unit: fc.constantFrom('a', 'b', '1', ' ', '\n', 'k', 'S', '\u00e9', '\u20ac', '\u{1f600}', '\u017f', '\u212a'), maxLength: 16 });

    it('find the same on generated patterns, in ASCII and in other valid UTF-8', () => {
      fc.assert(fc.property(fc.array(pattern, { minLength: 1, maxLength: 6 }), fc.array(fc.oneof(ascii, anyText), { minLength: 1, maxLength: 12 }), (parts, texts) => {
        const patterns = parts.map(([text, flag], id) => ({ id, source: text, ...flag }));
        const hyperscan = buildMatcher(patterns, { engine: 'hyperscan' });
        const re2 = buildMatcher(patterns, { engine: 're2' });
        for (const text of texts) expect([text, hitsOf(hyperscan, text)]).toEqual([text, hitsOf(re2, text)]);
        hyperscan.close();
      }), { numRuns: RUNS });
    }, 30_000 + RUNS * 50);

    it.skipIf(!haveGitleaks)('find the same with all patterns of gitleaks, on real examples planted in prose, base64 and JSON', () => {
      const patterns = readGitleaks();
      const hyperscan = buildMatcher(patterns, { engine: 'hyperscan' });
      const re2 = buildMatcher(patterns, { engine: 're2' });
      expect(hyperscan.besides).toEqual([]);
      const examples = readSecretExamples();
      let hits = 0;
      for (const [index, example] of examples.entries()) {
        const base64 = Buffer.from(example).toString('base64');
        for (const text of [example, `The caf\u00e9 said: ${example}. And then ${base64}`, JSON.stringify({ a: example, b: index })]) {
          const found = hitsOf(hyperscan, text);
          expect([text, found]).toEqual([text, hitsOf(re2, text)]);
          hits += found.length;
        }
      }
      expect(hits).toBeGreaterThan(examples.length / 2);
    });
  });
} else {
  it('the Hyperscan addon', (context) => { context.skip('not built: install libhyperscan-dev, then node native/build.mjs'); });
}
