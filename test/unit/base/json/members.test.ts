// An object without some of its members: what is left is as its caller wrote it, and is read as it would be in the whole.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { membersText } from '../../../../src/base/json/members.js';
import { parseJson } from '../../../../src/base/json/parse-json.js';

const of = (text: string, names: ReadonlySet<string> | undefined): string => {
  const around = Buffer.from(`{"é": ${text} }`);
  const from = Buffer.byteLength('{"é": ');
  return membersText(around, { from, to: from + Buffer.byteLength(text) }, names);
};
const NAMES = ['a', 'b', '', 'a.b', '*', 'é', '"', '\\', '__proto__', '\u0000', '\u{1f600}', '}', ','];
/** A text that says the same with other escapes. */
const spelled = (text: string, escape: boolean): string => (escape ? `"${[...text].flatMap((one) => one.split('')).map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"` : JSON.stringify(text));

describe('the members of an object', () => {
  it('are kept by their decoded names, each as it is written, in their order', () => {
    expect(of('{ "a" : [ 1e2 ,"}" ] ,\n"b":0,"\\u0061":{"a":1},"c":"a" }', new Set(['a', 'c']))).toBe('{"a" : [ 1e2 ,"}" ],"\\u0061":{"a":1},"c":"a"}');
    expect(of('{"a":1}', new Set())).toBe('{}');
    expect(of('{ }', new Set(['a']))).toBe('{}');
  });

  it.each(['[{"a":1}]', '"{\\"a\\":1}"', 'null', '-1.50'])('are no part of anything else: %s', (text) => {
    expect(of(text, new Set(['b']))).toBe(text);
  });

  it('are all there where no names are given', () => {
    expect(of('{ "a" : 1 }', undefined)).toBe('{ "a" : 1 }');
  });

  it('are those that a reader of the whole would find, whatever their names, and the last of a doubled one', () => {
    const space = fc.constantFrom('', ' ', '\n\t');
    const member = fc.record({ name: fc.constantFrom(...NAMES), escape: fc.boolean(), value: fc.jsonValue({ maxDepth: 2 }), space });
    fc.assert(fc.property(fc.array(member, { maxLength: 8 }), fc.subarray(NAMES), space, (members, names, end) => {
      const text = `{${members.map(({ name, escape, value, space: s }) => `${s}${spelled(name, escape)}${s}:${s}${JSON.stringify(value, null, s)}${s}`).join(',')}${end}}`;
      const wanted = Object.entries(parseJson(text) as object).filter(([name]) => names.includes(name));
      expect(Object.entries(parseJson(of(text, new Set(names))) as object)).toEqual(wanted);
    }), { numRuns: 1000 });
  });
});
