// Reads single members of JSON bytes the guard has already validated.
import { decodeString, memberSpans, type MemberSpan, type ValueSpan } from './spans.js';

const QUOTE = 0x22;
const OPEN_OBJECT = 0x7b;

export function memberOf(bytes: Uint8Array, within: ValueSpan, key: string): MemberSpan | undefined {
  return memberSpans(bytes, within.from, within.to).find((member) => member.key === key);
}

/** The member at the end of `path`, from `within` on, or from the root on; undefined = there is none. */
export function memberAt(bytes: Uint8Array, path: readonly string[], within?: ValueSpan): MemberSpan | undefined {
  let at: MemberSpan | undefined;
  for (const key of path) {
    at = memberOf(bytes, at ?? within ?? { from: 0, to: bytes.length }, key);
    if (at === undefined) return undefined;
  }
  return at;
}

/** As `memberAt` from `within` on, for many paths: each object on their way is listed once, not once for each path. */
export function memberFinder(bytes: Uint8Array, within: ValueSpan): (path: readonly string[]) => MemberSpan | undefined {
  const listed = new Map<number, ReadonlyMap<string, MemberSpan>>(); // by where the object begins
  const membersOf = (span: ValueSpan): ReadonlyMap<string, MemberSpan> => {
    const known = listed.get(span.from);
    if (known !== undefined) return known;
    const members = new Map<string, MemberSpan>();
    for (const member of memberSpans(bytes, span.from, span.to)) if (!members.has(member.key)) members.set(member.key, member);
    listed.set(span.from, members);
    return members;
  };
  return (path) => {
    let at: MemberSpan | undefined;
    for (const key of path) {
      at = membersOf(at ?? within).get(key);
      if (at === undefined) return undefined;
    }
    return at;
  };
}

/** As it is written: a string with its quotes and escapes. */
export function textAt(bytes: Uint8Array, span: ValueSpan): string;
export function textAt(bytes: Uint8Array, span: ValueSpan | undefined): string | undefined;
export function textAt(bytes: Uint8Array, span: ValueSpan | undefined): string | undefined {
  return span === undefined ? undefined : Buffer.from(bytes.buffer, bytes.byteOffset + span.from, span.to - span.from).toString('utf8');
}

/** An object as it is written, without the members that are not among `names`; anything else as it is. `names` undefined = all. */
export function membersText(bytes: Uint8Array, span: ValueSpan, names: ReadonlySet<string> | undefined): string {
  if (names === undefined || !isObjectAt(bytes, span)) return textAt(bytes, span);
  const kept = memberSpans(bytes, span.from, span.to).filter(({ key }) => names.has(key));
  return `{${kept.map(({ keyFrom, to }) => textAt(bytes, { from: keyFrom, to })).join(',')}}`;
}

/** Decoded; undefined = nothing is there, or no string. */
export function stringAt(bytes: Uint8Array, span: ValueSpan | undefined): string | undefined {
  return span === undefined || bytes[span.from] !== QUOTE ? undefined : decodeString(bytes, span.from, span.to);
}

export function isObjectAt(bytes: Uint8Array, span: ValueSpan | undefined): span is ValueSpan {
  return span !== undefined && bytes[span.from] === OPEN_OBJECT;
}
