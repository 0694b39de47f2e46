// Which reload is worth a thread of its own.
import { describe, expect, it } from 'vitest';
import { isDear, sameTexts } from '../../../src/jobs/plan-sources.js';

const small = { file: 'a.rego', text: 'x'.repeat(1000) };
const large = { file: 'b.rego', text: 'x'.repeat(40_000) };

describe('a reload', () => {
  it('is dear by what is new in it', () => {
    const before = { policies: [large, small], rules: [large] };
    expect(isDear(before, before)).toBe(false);
    expect(isDear({ ...before, policies: [large, { ...small, text: 'y' }] }, before)).toBe(true);
    expect(isDear({ ...before, rules: [large, large] }, before)).toBe(true);
    expect(isDear({ ...before, policies: [small] }, before)).toBe(false);
    expect(isDear({ policies: [large], rules: [] }, { policies: [], rules: [] })).toBe(true);
  });

  it('has the same texts only where files, order and content are the same', () => {
    expect(sameTexts([small, large], [{ ...small }, { ...large }])).toBe(true);
    for (const other of [[small], [large, small], [small, { ...large, file: 'c.rego' }], [small, { ...large, text: 'x' }], [small, large, small]]) expect(sameTexts(other, [small, large])).toBe(false);
  });
});
