// RFC 8785 against its published vectors, and the canonical form of arguments.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalArguments, canonicalJcs } from '../../../../src/base/json/canonical.js';

const VECTORS = fileURLToPath(new URL('../../../../../shared/data/jcs/', import.meta.url));
const names = existsSync(VECTORS) ? readdirSync(`${VECTORS}input`) : [];

const ofText = (text: string): string => {
  const bytes = Buffer.from(`junk${text}junk`);
  return canonicalArguments(bytes, 4, bytes.length - 4);
};

describe('canonicalJcs', () => {
  it.skipIf(names.length === 0)('gives the published output for every published input', () => {
    expect(names.length).toBeGreaterThan(5);
    for (const name of names) {
      const parsed: unknown = JSON.parse(readFileSync(`${VECTORS}input/${name}`, 'utf8'));
      expect(canonicalJcs(parsed)).toBe(readFileSync(`${VECTORS}output/${name}`, 'utf8').trimEnd());
      const hex = readFileSync(`${VECTORS}outhex/${name.replace('.json', '.txt')}`, 'utf8').replaceAll(/\s/g, '');
      expect(Buffer.from(canonicalJcs(parsed)).toString('hex')).toBe(hex);
    }
  });

  it('is its own fixed point and keeps the value', () => {
    fc.assert(fc.property(fc.json(), (text) => {
      const value: unknown = JSON.parse(text);
      const canonical = canonicalJcs(value);
      expect(canonicalJcs(JSON.parse(canonical))).toBe(canonical);
    }), { numRuns: 300 });
  });

  it('writes numbers as ECMAScript does', () => {
    expect(canonicalJcs([-0, 1e21, 1e-7, 0.1, 333333333.33333329, 5e-324])).toBe('[0,1e+21,1e-7,0.1,333333333.3333333,5e-324]');
  });

  it.each([NaN, Infinity, 1n, undefined, () => 1, Symbol('x'), ['\ud800'], { '\udfff': 1 }, [undefined]])('refuses what JSON can\'t say: %s', (value) => {
    expect(() => canonicalJcs(value)).toThrow(TypeError);
  });

  it('goes 1024 levels deep and refuses a cycle', () => {
    let deep: unknown = 1;
    for (let level = 0; level < 1024; level += 1) deep = [deep];
    expect(canonicalJcs(deep)).toHaveLength(2 * 1024 + 1);
    expect(() => canonicalJcs([deep])).toThrow(RangeError);
    const cycle: unknown[] = [];
    cycle.push(cycle);
    expect(() => canonicalJcs(cycle)).toThrow(RangeError);
  });

  it('keeps a member named __proto__', () => {
    expect(canonicalJcs(JSON.parse('{"b":1,"__proto__":{"x":2}}'))).toBe('{"__proto__":{"x":2},"b":1}');
  });
});

describe('canonicalArguments', () => {
  it.each([
    ['{ "b" : 1 , "a" : [ true , null , { } , [ ] , "x" ] }', '{"a":[true,null,{},[],"x"],"b":1}'],
    ['{"n":1.0,"m":1e2,"k":-0,"l":12345678901234567890}', '{"k":-0,"l":12345678901234567890,"m":1e2,"n":1.0}'],
    ['{"\\u0062":"\\u0041\\/\\u00e9","a":"\\ud83d\\ude00\\u001f\\n"}', '{"a":"\u{1f600}\\u001f\\n","b":"A/\u00e9"}'],
    ['{"\\ufb33":1,"\\ud83d\\ude00":2,"z":3}', '{"z":3,"\u{1f600}":2,"\ufb33":1}'],
    ['{"":{"":{"":0}}}', '{"":{"":{"":0}}}'],
    ['{"a":{"d":1,"c":{"f":[{"h":1,"g":2}],"e":3}},"A":4}', '{"A":4,"a":{"c":{"e":3,"f":[{"g":2,"h":1}]},"d":1}}'],
    ['"a,b:{}"', '"a,b:{}"'],
    [' 1.50 ', '1.50'],
    ['[]', '[]'],
    ['', ''],
  ])('of %s is %s', (text, canonical) => {
    expect(ofText(text)).toBe(canonical);
  });

  it('is the same for every way to write the same arguments, and JCS where numbers are plain', () => {
    const space = fc.stringMatching(/^[ \n\r\t]{0,3}$/);
    fc.assert(fc.property(fc.object({ maxDepth: 4, values: [fc.string({ unit: 'grapheme' }), fc.integer(), fc.boolean(), fc.constant(null)] }), space, (value, pad) => {
      const plain = canonicalJcs(value);
      const escaped = JSON.stringify(value, undefined, 1).replaceAll(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
      expect(ofText(JSON.stringify(value))).toBe(plain);
      expect(ofText(pad + escaped + pad)).toBe(plain);
    }), { numRuns: 300 });
  });

  it('tells different arguments apart', () => {
    const texts = ['{"a":1}', '{"a":1.0}', '{"a":"1"}', '{"a":[1]}', '{"b":1}', '{"a":{"b":1}}', '{"a":1,"b":1}', '[1]', '{"a":"\\\\n"}', '{"a":"\\n"}'];
    expect(new Set(texts.map(ofText)).size).toBe(texts.length);
  });

  it('takes time linear in bytes at the greatest depth', () => {
    const deep = `${'{"a":['.repeat(512)}${'"x",'.repeat(100_000)}0${']}'.repeat(512)}`;
    expect(ofText(deep)).toBe(deep);
  });

  it('ends on bytes nobody validated', () => {
    for (const text of ['\0', '{"a":\0}', '{"a', '[[[', ']]]', '{"a":"\\x"}', ',,,', '\u0001\u0001']) {
      try { ofText(text); } catch (error) { expect(error).toBeInstanceOf(SyntaxError); }
    }
  });
});
