// How far the rest of a refused body is dropped, and how long it is waited for.
import { describe, expect, it } from 'vitest';
import { BodyRest } from '../../../src/front/body-rest.js';

const MIB = 1024 * 1024;

/** How many looks it is waited for. */
function looksAt(rest: BodyRest, between: () => void): number {
  for (let looks = 1; looks < 1000; looks++) {
    between();
    if (rest.look()) return looks;
  }
  return Infinity;
}

describe('the rest of a refused body', () => {
  it('is dropped up to 64 MiB', () => {
    const rest = new BodyRest();
    for (let i = 0; i < 64; i++) expect(rest.drop(MIB)).toBe(false);
    expect(rest.drop(1)).toBe(true);
  });
  it('is waited for while it comes, ten seconds at most', () => {
    const rest = new BodyRest();
    expect(looksAt(rest, () => rest.drop(1))).toBe(40);
  });
  it('is not waited for when nothing came for a second, however long it came before', () => {
    expect(looksAt(new BodyRest(), () => undefined)).toBe(4);
    const rest = new BodyRest();
    let pieces = 10;
    expect(looksAt(rest, () => { if (pieces-- > 0) rest.drop(1); })).toBe(14);
  });
});
