// Rule files: what is refused, where, and the checks behind a match.
import { describe, expect, it } from 'vitest';
import { ConfigFault } from '../../../../src/base/config/fault.js';
import { passesChecksum, passesEntropy } from '../../../../src/engines/dlp/checks.js';
import { lintPattern } from '../../../../src/engines/dlp/pattern-lint.js';
import { expandSample, joinRules, parseRules } from '../../../../src/engines/dlp/rule-file.js';
import { maskSample } from '../../../../src/engines/dlp/sample.js';

const file = (pattern: string, more = ''): string => [
  'rules:', '  - id: one', '    category: pii', '    description: d', `    pattern: '${pattern}'`, `    keywords: [ab]${more}`, '    hits: [ab1, ab2]', '    misses: [x, y]', '',
].join('\n');
const faultOf = (text: string): ConfigFault => {
  try {
    parseRules(text, 'config/dlp/x.yaml');
  } catch (error) {
    if (error instanceof ConfigFault) return error;
    throw error;
  }
  throw new Error('accepted');
};

describe('a rule file', () => {
  it('gives rules with their place', () => {
    expect(parseRules(file('ab[0-9]'), 'f.yaml')).toMatchObject([{ id: 'one', category: 'pii', caseless: false, keywords: ['ab'], file: 'f.yaml', line: 2 }]);
  });

  it.each(['a.b', 'a+', 'ab*', '^ab', 'ab$', '[^a]b', 'ab(?=c)', 'ab(?!c)', '(?<n>ab)', '(ab)\\1', 'ab\\S', 'ab\\p{L}', 'abé', '(ab){2,}', 'ab{2000}', 'ab[', 'ab(', 'ab\\u0041', 'ab[\\W]', '', 'a{0,3}'])('is refused at its line for the pattern %s', (pattern) => {
    expect(faultOf(file(pattern)).line).toBe(5);
  });

  it('is refused for an unknown key, a repeated id, too few samples, and a keyword no hit holds', () => {
    expect(faultOf(file('ab', '\n    keyword: [x]')).line).toBe(7);
    expect(faultOf(`${file('ab')}${file('ab').replace('rules:\n', '')}`).line).toBe(9);
    expect(faultOf(file('ab').replace('[x, y]', '[x]')).line).toBe(8);
    expect(faultOf(file('ab').replace('[ab1, ab2]', '[ab1, zz]')).line).toBe(7);
    expect(faultOf('rules: 5').line).toBe(1);
    expect(faultOf('rules: [').file).toBe('config/dlp/x.yaml');
  });

  it('is refused for a trigger that is no pattern, or that a hit does not hold: one engine would find what the other misses', () => {
    expect(parseRules(file('ab[0-9]', "\n    trigger: 'b[0-9]'"), 'f.yaml')).toMatchObject([{ trigger: 'b[0-9]' }]);
    expect(parseRules(file('ab[0-9]', "\n    flags: i\n    trigger: 'B[0-9]'"), 'f.yaml')).toMatchObject([{ trigger: 'B[0-9]' }]);
    for (const trigger of ['ab[', 'x*', 'ab(?=c)', 'é']) expect(faultOf(file('ab[0-9]', `\n    trigger: '${trigger}'`)).line).toBe(7);
    expect(faultOf(file('ab[0-9]', "\n    trigger: 'b1'")).line).toBe(8);
    expect(faultOf(file('ab[0-9]', "\n    trigger: 'B[0-9]'")).line).toBe(8);
  });

  it('tells all of its faults at once', () => {
    const two = `${file('a.b')}${file('a+').replace('rules:\n', '').replace('id: one', 'id: two')}`;
    expect(faultOf(two).others).toHaveLength(1);
  });

  it('may not repeat a rule of another file', () => {
    expect(() => joinRules([parseRules(file('ab'), 'a.yaml'), parseRules(file('ab'), 'b.yaml')])).toThrow(ConfigFault);
  });

  it('writes long samples as repetitions, and leaves secret references alone', () => {
    expect(expandSample('k_${ab*3}!')).toBe('k_ababab!');
    expect(expandSample('$SPIKE{ref:x} ${HOME}')).toBe('$SPIKE{ref:x} ${HOME}');
  });

  it('allows an open repetition after a class only', () => {
    expect(lintPattern('a[0-9]{3,}')).toBeUndefined();
    expect(lintPattern('(?:ab){3,}')?.offset).toBe(6);
    expect(lintPattern('[]a]{2,}b')).toBeUndefined();
  });
});

describe('checks', () => {
  it('know cards from numbers', () => {
    expect(passesChecksum('luhn', '4111 1111 1111 1111', '', '')).toBe(true);
    expect(passesChecksum('luhn', '4111111111111111', '1,', ',7')).toBe(true); // a row of a table, a list of numbers
    for (const [text, before, after] of [['4111111111111112', '', ''], ['4111111111111111', '0.', ''], ['4111111111111111', '', '.5'], ['0000000000000000', '', '']] as const) {
      expect(passesChecksum('luhn', text, before, after)).toBe(false);
    }
  });

  it('know bank accounts, routing and social security numbers', () => {
    expect(passesChecksum('iban', 'GB82 WEST 1234 5698 7654 32 AND', '', '')).toBe(true);
    expect(passesChecksum('iban', 'GB82WEST1234569876543', '', '')).toBe(false);
    expect(passesChecksum('aba', '021000021', '', '')).toBe(true);
    expect(passesChecksum('aba', '000000000', '', '')).toBe(false);
    expect(passesChecksum('ssn', '531-21-7351', '', '')).toBe(true);
    expect(passesChecksum('ssn', '900-21-7351', '', '')).toBe(false);
  });

  it('know random values from words', () => {
    expect(passesEntropy('aB3dE6gH', 3, 3)).toBe(true);
    expect(passesEntropy('aaaaaaaa', 0.1, 1)).toBe(false);
    expect(passesEntropy('abcdefgh', 3, 2)).toBe(false);
  });
});

describe('samples', () => {
  it('show four and two characters at most, and a third of the whole at most', () => {
    expect(maskSample('A'.repeat(40))).toBe('AAAA…AA');
    expect(maskSample('abcdef')).toBe('ab…');
    expect(maskSample('ab')).toBe('…');
    expect(maskSample(`\u001b[2J${'x'.repeat(20)}`).includes('\u001b')).toBe(false);
  });
});
