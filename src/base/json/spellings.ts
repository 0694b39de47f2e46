// Other spellings that some readers take for a name: Go's encoding/json ignores case, as others do on demand, and C strings end at a NUL. Twin: native/json_guard/spelling.h.

interface FoldedSign {
  readonly utf8: readonly number[];
  readonly letter: number;
}

/** All signs beyond ASCII whose simple upper- or lower-case form is an ASCII letter (Unicode 16, UnicodeData.txt): U+0130, U+0131, U+017F, U+212A. */
const FOLDED_SIGNS: readonly FoldedSign[] = [
  { utf8: [0xc4, 0xb0], letter: 0x69 }, { utf8: [0xc4, 0xb1], letter: 0x69 }, { utf8: [0xc5, 0xbf], letter: 0x73 }, { utf8: [0xe2, 0x84, 0xaa], letter: 0x6b },
];

function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
}

function signAt(bytes: Uint8Array, at: number, to: number): FoldedSign | undefined {
  return FOLDED_SIGNS.find(({ utf8 }) => at + utf8.length <= to && utf8.every((byte, index) => bytes[at + index] === byte));
}

/** Whether a reader that ignores case, or one that stops at a NUL, takes bytes[from, to), decoded UTF-8, for `name`, which is ASCII; so it does if they are equal. */
export function isSpellingOf(name: Uint8Array, bytes: Uint8Array, from: number, to: number): boolean {
  if (to - from < name.length) return false; // no spelling is shorter
  let at = from;
  for (let index = 0; index < name.length; index += 1) {
    const byte = at < to ? bytes[at] ?? 0 : 0;
    const sign = byte < 0x80 ? undefined : signAt(bytes, at, to);
    if ((sign?.letter ?? lower(byte)) !== lower(name[index] ?? 0)) return false;
    at += sign?.utf8.length ?? 1;
  }
  return at === to || bytes[at] === 0;
}

/** Whether `key`, which is none of the names, is one that such readers take for one of them. */
export function isOtherSpelling(key: string, names: readonly string[]): boolean {
  if (names.includes(key)) return false;
  const bytes = Buffer.from(key);
  return names.some((name) => isSpellingOf(Buffer.from(name), bytes, 0, bytes.length));
}
