// The documented vectors of the three hashes, and what each must and must not notice.
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { goJson } from '../../../../src/engines/registry/go-json.js';
import { canonicalHash, compactJson, jcsHash, legacyHash, seedHash, type HashedMembers } from '../../../../src/engines/registry/hashes.js';

const SEED = 'bcc9258aeaf2af0999e181615b748e2855a53ab8cff8515491b3d7707900c9e4';
const JCS = 'd2839df786c1978494a69cc6a28a5d87b6e811471f14eb64b90805cf0e9224b2';
const LEGACY = 'bb128ea0d60469e5c3711f67fe3127c0584bd772a916bca964c0a0c5fdaa2325';
const EXAMPLE: HashedMembers = {
  name: '"my_tool"', description: '"Does something useful"', inputSchema: '{"type":"object","properties":{"query":{"type":"string"}}}',
};

describe('the three hashes', () => {
  it('give the documented vectors', () => {
    expect([seedHash(EXAMPLE), jcsHash(EXAMPLE), legacyHash(EXAMPLE)]).toEqual([SEED, JCS, LEGACY]);
  });

  it('equal what the documented shell command prints', () => {
    const text = `{"name":${EXAMPLE.name},"description":${EXAMPLE.description},"inputSchema":${EXAMPLE.inputSchema}}`;
    expect(execFileSync('sha256sum', { input: text }).toString().slice(0, 64)).toBe(seedHash(EXAMPLE));
  });

  it('do not notice white space outside strings', () => {
    const spaced = { ...EXAMPLE, inputSchema: '{ "type" :\n"object",\t"properties":{"query":{"type":"string"}} }' };
    expect([seedHash(spaced), jcsHash(spaced), legacyHash(spaced)]).toEqual([SEED, JCS, LEGACY]);
  });

  it('differ on the order of keys in the seed alone', () => {
    const sorted = { ...EXAMPLE, inputSchema: '{"properties":{"query":{"type":"string"}},"type":"object"}' };
    expect([seedHash(sorted) === SEED, jcsHash(sorted) === JCS, legacyHash(sorted) === LEGACY]).toEqual([false, true, true]);
  });

  it('keep numbers and escapes as served in the seed, and their values in the others', () => {
    const one = { ...EXAMPLE, inputSchema: '{"maximum":1.0,"title":"\\u00e9"}' };
    const other = { ...EXAMPLE, inputSchema: '{"maximum":1,"title":"é"}' };
    expect(seedHash(one)).not.toBe(seedHash(other));
    expect(jcsHash(one)).toBe(jcsHash(other));
    expect(legacyHash(one)).toBe(legacyHash(other));
  });

  it('notice any other change', () => {
    for (const changed of [{ description: '"Does something useful "' }, { description: undefined }, { inputSchema: '{"type":"object","properties":{"query":{"type":"number"}}}' }]) {
      const members = { ...EXAMPLE, ...changed };
      expect([seedHash(members), jcsHash(members), legacyHash(members)].filter((hash) => [SEED, JCS, LEGACY].includes(hash))).toEqual([]);
    }
    const renamed = { ...EXAMPLE, name: '"your_tool"' };
    expect([seedHash(renamed) === SEED, jcsHash(renamed) === JCS, legacyHash(renamed) === LEGACY]).toEqual([false, false, true]);
  });

  it('have a value for numbers that no canonical form can hold, and it depends on the text', () => {
    expect(canonicalHash('{"a":1e400}')).not.toBe(canonicalHash('{"a":2e400}'));
    expect(canonicalHash('{"a":1e400}')).not.toBe(canonicalHash('{"a":null}'));
    expect(canonicalHash('{"a": 1e400}')).toBe(canonicalHash('{"a":1e400}'));
  });
});

describe('compact JSON', () => {
  it('equals the standard writer on what the standard writer wrote with white space', () => {
    fc.assert(fc.property(fc.jsonValue(), fc.constantFrom(' ', '\t', '    '), (value, indent) => {
      expect(compactJson(JSON.stringify(value, null, indent))).toBe(JSON.stringify(value));
    }));
  });

  it('leaves strings alone that end in escapes', () => {
    expect(compactJson('{ "a\\\\" : "b \\" c" , "d" : " \\\\\\" " }')).toBe('{"a\\\\":"b \\" c","d":" \\\\\\" "}');
  });
});

describe('JSON as Go writes it', () => {
  it.each([
    ['{"b":1,"a":{"z":[],"y":{}}}', '{"a":{"y":{},"z":[]},"b":1}'],
    ['"<a>&\\u2028\\u2029\\u007f"', '"\\u003ca\\u003e\\u0026\\u2028\\u2029\u007f"'],
    ['"\\u0001\\n\\t\\r\\b\\f\\"\\\\/é😀"', '"\\u0001\\n\\t\\r\\b\\f\\"\\\\/é😀"'],
    ['[1.0,0.1,1e20,1e21,1e-6,1e-7,1.5e-9,-0,123456789012345680000,1e+100]', '[1,0.1,100000000000000000000,1e+21,0.000001,1e-7,1.5e-9,-0,123456789012345680000,1e+100]'],
    ['{"\\ud83d\\ude00":1,"\\uffee":2}', '{"\uffee":2,"😀":1}'],
    ['{"__proto__":1,"10":2,"9":3}', '{"10":2,"9":3,"__proto__":1}'],
    ['[true,false,null]', '[true,false,null]'],
  ])('%s → %s', (text, written) => {
    expect(goJson(JSON.parse(text))).toBe(written);
  });
});
