// The difference of two definitions.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diffDefinitions } from '../../../../src/engines/registry/diff.js';

describe('the difference of two definitions', () => {
  it('names what was added, removed and changed, by JSON Pointer', () => {
    const before = { name: 'a', description: 'x', inputSchema: { properties: { q: { type: 'string' }, 'a/b~c': 1 } } };
    const after = { name: 'a', description: 'y', inputSchema: { properties: { q: { type: ['string'] }, r: {} } } };
    expect(diffDefinitions(before, after)).toEqual([
      { path: '/description', kind: 'changed', before: 'x', after: 'y' },
      { path: '/inputSchema/properties/q/type', kind: 'changed', before: 'string', after: ['string'] },
      { path: '/inputSchema/properties/a~1b~0c', kind: 'removed', before: 1 },
      { path: '/inputSchema/properties/r', kind: 'added', after: {} },
    ]);
  });

  it('goes into arrays and tells an array from an object', () => {
    expect(diffDefinitions({ required: ['a', 'b'] }, { required: ['a'] })).toEqual([{ path: '/required/1', kind: 'removed', before: 'b' }]);
    expect(diffDefinitions({ x: [] }, { x: {} })).toEqual([{ path: '/x', kind: 'changed', before: [], after: {} }]);
    expect(diffDefinitions(undefined, { a: 1 })).toEqual([{ path: '', kind: 'changed', before: undefined, after: { a: 1 } }]);
  });

  it('is empty exactly when the two are equal', () => {
    fc.assert(fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
      expect(diffDefinitions(a, JSON.parse(JSON.stringify(a)))).toEqual([]);
      expect(diffDefinitions(a, b).length === 0).toBe(same(a, b));
    }));
  });

  it('is bounded', () => {
    expect(diffDefinitions({}, Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [n, n])))).toHaveLength(500);
  });
});

function same(a: unknown, b: unknown): boolean {
  const ordered = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map(ordered);
    return Object.entries(value).sort(([x], [y]) => (x < y ? -1 : 1)).map(([key, inner]) => ['m', key, ordered(inner)]).concat([['object']]);
  };
  return JSON.stringify(ordered(a)) === JSON.stringify(ordered(b));
}
