// RE2 as this room uses it: compiled single patterns with byte offsets, and sets.
import RE2 from 're2';
import type { Pattern } from './types.js';

/** What node-re2 does for a Buffer; its declarations leave out `indices`. */
export interface CompiledRe2 {
  lastIndex: number;
  test(bytes: Buffer): boolean;
  /** With flag d: spans in bytes of the match and of its groups. */
  exec(bytes: Buffer): { readonly indices: readonly ((readonly [number, number]) | undefined)[] } | null;
}

export interface Re2Set {
  /** Indices of the patterns that match. Throws when its automaton runs out of memory. */
  match(bytes: Buffer): number[];
}

/** Throws SyntaxError on a pattern RE2 refuses. `find`: g for repeated exec, d for spans. */
export function compileRe2(pattern: Pattern, find: '' | 'gd'): CompiledRe2 {
  const flags = `${pattern.caseless === true ? 'i' : ''}${pattern.dotAll === true ? 's' : ''}${pattern.multiline === true ? 'm' : ''}u${find}`;
  return new RE2(pattern.source, flags) as unknown as CompiledRe2;
}

/** Literals, compared caseless (Unicode's simple folding: U+212A is a k). */
export function compileKeywordSet(keywords: readonly string[]): Re2Set {
  return new RE2.Set(keywords.map((keyword) => keyword.replaceAll(/[^A-Za-z0-9]/g, '\\$&')), 'iu') as unknown as Re2Set;
}

/** The same memory, as node-re2 wants it. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
