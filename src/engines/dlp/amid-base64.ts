// Whether a match stands in the midst of base64 that goes on: an image has letters in the order of a key by chance: of 340 of 10 MB, 17 were refused for it.

/** Bytes on either side. What stands in a file of keys, in a URL or in a sentence has a break long before. */
const RUN_BYTES_MIN = 1024;

const LETTER = 1;
const STANDARD = 2; // + and /
const URL_SAFE = 4; // - and _

const KINDS = new Uint8Array(256);
// Lines may be wrapped, also as JSON writes that.
for (const byte of Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789\r\n\\')) KINDS[byte] = LETTER;
for (const byte of Buffer.from('+/')) KINDS[byte] = STANDARD;
for (const byte of Buffer.from('-_')) KINDS[byte] = URL_SAFE;

/** Of one alphabet (RFC 4648, sections 4 and 5), the match, too: a key with an underscore is no chance between slashes, nor is any between letters alone. */
export function isAmidBase64(bytes: Uint8Array, from: number, to: number): boolean {
  if (from < RUN_BYTES_MIN || bytes.length - to < RUN_BYTES_MIN) return false;
  const kinds = kindsIn(bytes, to, to + RUN_BYTES_MIN) & kindsIn(bytes, from - RUN_BYTES_MIN, from);
  return (kinds === (LETTER | STANDARD) || kinds === (LETTER | URL_SAFE)) && (kindsIn(bytes, from, to) & ~kinds) === 0;
}

/** 0 = something else is among them. */
function kindsIn(bytes: Uint8Array, from: number, to: number): number {
  let kinds = 0;
  for (let at = from; at < to; at++) {
    const kind = KINDS[bytes[at] ?? 0] ?? 0;
    if (kind === 0) return 0;
    kinds |= kind;
  }
  return kinds;
}
