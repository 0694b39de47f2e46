// What a matcher finds in a text, whichever engine it has.
import type { Matcher } from '../../../../src/base/matcher/types.js';

/** Ids of the patterns that match somewhere. */
export function hitsOf(matcher: Matcher, text: string | Uint8Array): number[] {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  return matcher.candidates(bytes).filter((id) => matcher.find(id, bytes, 1).length > 0);
}
