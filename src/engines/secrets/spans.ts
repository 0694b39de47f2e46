// Ranges of bytes that hold a secret, and the text without them.

export type Span = readonly [from: number, to: number];

/** Valid inside a JSON string. */
const REPLACEMENT = Buffer.from('[secret]');

/** In order; those that touch become one. */
export function joinSpans(spans: readonly Span[]): Span[] {
  const joined: [number, number][] = [];
  for (const [from, to] of spans.toSorted((a, b) => a[0] - b[0])) {
    const last = joined.at(-1);
    if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to);
    else joined.push([from, to]);
  }
  return joined;
}

/** The same array without spans. `spans`: in order and apart. */
export function replaceSpans(bytes: Uint8Array, spans: readonly Span[]): Uint8Array {
  if (spans.length === 0) return bytes;
  const pieces: Uint8Array[] = [];
  let copied = 0;
  for (const [from, to] of spans) {
    pieces.push(bytes.subarray(copied, from), REPLACEMENT);
    copied = to;
  }
  pieces.push(bytes.subarray(copied));
  return Buffer.concat(pieces);
}
