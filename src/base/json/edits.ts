// Changes single members of JSON bytes the guard has already validated; every other byte stays as it came.
import { memberSpans, type ValueSpan } from './spans.js';

/** The bytes with one span replaced. */
export function replaceSpan(bytes: Uint8Array, { from, to }: ValueSpan, by: Uint8Array | string): Buffer {
  return Buffer.concat([bytes.subarray(0, from), typeof by === 'string' ? Buffer.from(by) : by, bytes.subarray(to)]);
}

/** The object at `span` without the members that `dropped` names and with `added` (texts of whole members) before the others. */
export function withMembers(bytes: Uint8Array, span: ValueSpan, dropped: ReadonlySet<string>, added: readonly string[]): Buffer {
  const parts: Uint8Array[] = added.map((text) => Buffer.from(text));
  for (const { key, keyFrom, to } of memberSpans(bytes, span.from, span.to)) if (!dropped.has(key)) parts.push(bytes.subarray(keyFrom, to));
  return Buffer.concat([Buffer.from('{'), ...parts.flatMap((part, at) => (at === 0 ? [part] : [Buffer.from(','), part])), Buffer.from('}')]);
}
