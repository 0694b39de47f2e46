// Which patterns are refused because the engines can't agree on them.
import { describe, expect, it } from 'vitest';
import { lintPattern } from '../../../../src/base/matcher/lint.js';
import { tokenizePattern } from '../../../../src/base/matcher/pattern-syntax.js';
import { haveGitleaks, readGitleaks } from './gitleaks.js';

describe('lintPattern', () => {
  it.each([
    'AKIA[0-9A-Z]{16}', '\\b(?:ghp|gho)_[0-9a-zA-Z]{36}\\b', '(?i)api[_-]?key\\s{0,4}[:=]', '(?i:a)(?-i:b)', '(?P<name>x)y', '(?<name>x)y', 'a.b', '[^a-z]x', '[]a]', '[^]a]x', 'abc$', '^abc', '\\x41\\x7f', '\\$\\{\\}',
    '[[:alnum:]]{4}', 'a{1000}', 'a+?b*?c', '[\\s\\S]x', '\\Aab\\z', 'a\\/b', '{', 'a{', '[\\]\\[]', '[(?=a)]', 'x(?is-s:y)',
  ])('accepts %s', (source) => {
    expect(lintPattern(source)).toBeUndefined();
  });

  it.each([
    '', 'a*', 'a|', '()', '$', 'x?', '(?:a|b*)', 'caf\u00e9', 'a\0b', '\\pL', '\\p{Lu}', '\\PL', '\\X', '[\\pL]', '(?=a)b', '(?!a)b', '(?<=a)b', '(?<!a)b', '(a)\\1', '(?P=name)', '(?P>x)', 'a++', 'a**', 'a{1001}', 'a{0,2000}', '(?:a{999}){999}',
    'a{,3}', '(?m)^a', '(?U)a+', '(?x) a', '(?#c)a', '(?>a)b', '(?|a|b)', '\\x{41}', '\\xe9', '\\u0041', '\\012', '\\0', '[\\b]a', '[\\xff]', '[\\0]', '\\Qa\\E', '\\C', '\\Z', 'a\\K', '\\h', '\\R', '\\N', '[a', '[', '(a', 'a)', '\\', 'a\\', '[z-a]', '[[.a.]]', '[[=a=]]', '(?i', '*a', 'a'.repeat(5000),
  ])('refuses %s', (source) => {
    expect(lintPattern(source)).toBeTypeOf('string');
  });

  it.skipIf(!haveGitleaks)('accepts all 221 patterns of gitleaks', () => {
    const patterns = readGitleaks();
    expect(patterns).toHaveLength(221);
    expect(patterns.map(({ source }) => lintPattern(source)).filter((reason) => reason !== undefined)).toEqual([]);
  });
});

describe('tokenizePattern', () => {
  it('loses nothing', () => {
    for (const source of ['a(?i)[]x]{2,}\\x41.$|^\\[{}', '[[:digit:]\\]]+?', '(?P<n>\\\\)', '[', '\\', '(?', '(?i', '{9', '[^', ...(haveGitleaks ? readGitleaks().map((pattern) => pattern.source) : [])]) {
      expect(tokenizePattern(source).map((token) => token.text).join('')).toBe(source);
    }
  });
});
