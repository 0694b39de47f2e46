// The smallest matcher there is: one RE2 for each pattern, no prefilter. The engines of base/matcher are held to it.
import RE2 from 're2';
import type { Match, Matcher, Pattern } from '../../../../src/base/matcher/types.js';

export function plainMatcher(patterns: readonly Pattern[]): Matcher {
  const compiled = patterns.map((pattern) => new RE2(pattern.source, pattern.caseless === true ? 'gi' : 'g'));
  const find = (id: number, bytes: Uint8Array, max: number): Match[] => {
    const re = compiled[id];
    const found: Match[] = [];
    if (re === undefined) return found;
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    re.lastIndex = 0;
    while (found.length < max) {
      const hit = re.exec(buffer as never) as unknown as (RegExpExecArray & { index: number; 0: Buffer; 1?: Buffer }) | null;
      if (hit === null) break;
      const whole = hit[0];
      const group = hit.length > 1 ? hit[1] : undefined;
      const shift = group === undefined ? 0 : whole.indexOf(group);
      // A group's text may also stand earlier in the match; the last place is the value in all rules with a group.
      const from = group === undefined ? hit.index : hit.index + (whole.lastIndexOf(group) >= 0 ? whole.lastIndexOf(group) : shift);
      found.push({ from, to: from + (group ?? whole).length });
    }
    return found;
  };
  return {
    engine: 're2',
    because: 'test',
    candidates: (bytes) => patterns.filter((pattern) => find(pattern.id, bytes, 1).length > 0).map((pattern) => pattern.id),
    find,
    close: () => undefined,
  };
}
