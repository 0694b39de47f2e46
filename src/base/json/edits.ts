// Changes single members of JSON bytes the guard has already validated; every other byte stays as it came.
import { memberSpans, type MemberSpan, type ValueSpan } from './spans.js';

const OPEN_OBJECT = 0x7b;

/** The bytes with one span replaced. */
export function replaceSpan(bytes: Uint8Array, { from, to }: ValueSpan, by: Uint8Array | string): Uint8Array {
  return Buffer.concat([bytes.subarray(0, from), typeof by === 'string' ? Buffer.from(by) : by, bytes.subarray(to)]);
}

export function memberOf(bytes: Uint8Array, { from, to }: ValueSpan, key: string): MemberSpan | undefined {
  return memberSpans(bytes, from, to).find((member) => member.key === key);
}

/** The member at the end of `path`, from the root on; undefined = there is none. */
export function memberAt(bytes: Uint8Array, path: readonly string[]): MemberSpan | undefined {
  let at: MemberSpan | undefined;
  for (const key of path) {
    at = memberOf(bytes, at ?? { from: 0, to: bytes.length }, key);
    if (at === undefined) return undefined;
  }
  return at;
}

export function isObjectAt(bytes: Uint8Array, { from }: ValueSpan): boolean {
  return bytes[from] === OPEN_OBJECT;
}

/** The object at `span` without the members that `dropped` names and with `added` (texts of whole members) before the others. */
export function withMembers(bytes: Uint8Array, span: ValueSpan, dropped: ReadonlySet<string>, added: readonly string[]): Uint8Array {
  const parts: Uint8Array[] = added.map((text) => Buffer.from(text));
  for (const { key, keyFrom, to } of memberSpans(bytes, span.from, span.to)) if (!dropped.has(key)) parts.push(bytes.subarray(keyFrom, to));
  return Buffer.concat([Buffer.from('{'), ...parts.flatMap((part, at) => (at === 0 ? [part] : [Buffer.from(','), part])), Buffer.from('}')]);
}

export function textAt(bytes: Uint8Array, { from, to }: ValueSpan): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('utf8');
}
