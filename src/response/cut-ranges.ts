// Replaces ranges of a message by words. The result is checked as JSON by the caller.

export interface ByteRange {
  readonly from: number;
  readonly to: number;
  /** What stands there instead; valid inside a JSON string. */
  readonly word: string;
}

const BACKSLASH = 0x5c;
const BACKSLASHES_MAX = 8; // longer runs than an escape's are data

/** Overlapping ranges become one. */
export function cutRanges(bytes: Uint8Array, ranges: readonly ByteRange[]): Uint8Array {
  const ordered = [...ranges].sort((a, b) => a.from - b.from);
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const { from: begins, to, word } of ordered) {
    const from = Math.max(escapeStart(bytes, begins), at);
    if (to <= at) continue;
    parts.push(bytes.subarray(at, from), Buffer.from(word));
    at = to;
  }
  parts.push(bytes.subarray(at));
  return Buffer.concat(parts);
}

/** A range must not begin inside an escape sequence: step back over the backslashes before it. */
function escapeStart(bytes: Uint8Array, from: number): number {
  let run = 0;
  while (run < BACKSLASHES_MAX && from - run > 0 && bytes[from - run - 1] === BACKSLASH) run++;
  return run % 2 === 1 ? from - 1 : from;
}
