// Headers that repeat what the body says (2026-07-28, basic/transports, standard headers): decoded, and compared with the body.

const SENTINEL_HEAD = '=?base64?';
const SENTINEL_TAIL = '?=';
const BASE64_CANONICAL = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The value a header stands for: itself, or what its `=?base64?…?=` form decodes to; undefined when that form is broken. */
export function decodeMirroredHeader(value: string): string | undefined {
  if (!value.startsWith(SENTINEL_HEAD) || !value.endsWith(SENTINEL_TAIL)) return value;
  const payload = value.slice(SENTINEL_HEAD.length, -SENTINEL_TAIL.length);
  if (value.length < SENTINEL_HEAD.length + SENTINEL_TAIL.length || !BASE64_CANONICAL.test(payload)) return undefined;
  const bytes = Buffer.from(payload, 'base64');
  // "QQ==" and "QR==" decode alike: only the canonical spelling may pass, or two headers could mean one name.
  if (bytes.toString('base64') !== payload) return undefined;
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** The form in which a value may travel in a header: plain if visible ASCII without outer blanks, else the sentinel form. */
export function encodeMirroredHeader(value: string): string {
  const plain = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value) && !value.startsWith(SENTINEL_HEAD);
  return plain ? value : `${SENTINEL_HEAD}${Buffer.from(value, 'utf8').toString('base64')}${SENTINEL_TAIL}`;
}
