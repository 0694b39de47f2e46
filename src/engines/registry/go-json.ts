// JSON as Go's encoding/json writes a generic map: for registries whose hashes were made by the older gateway.

/** Characters that encoding/json escapes for the sake of HTML and JavaScript, besides controls, quote and backslash. */
const ESCAPED = /["\\<>&\u0000-\u001f\u2028\u2029]|\p{Surrogate}/gu;
const SHORT: Readonly<Record<string, string>> = { '"': '\\"', '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\b': '\\b', '\f': '\\f' };

/** `value` is parsed JSON. Numbers go through float64, as they do there. */
export function goJson(value: unknown): string {
  if (typeof value === 'string') return goString(value);
  if (typeof value === 'number') return goNumber(value);
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return `[${value.map(goJson).join(',')}]`;
  const members = Object.entries(value).map(([key, member]) => ({ key, bytes: Buffer.from(key, 'utf8'), member: member as unknown }));
  members.sort((a, b) => a.bytes.compare(b.bytes)); // Go sorts by bytes, JavaScript by UTF-16 units: they differ above U+FFFF
  return `{${members.map(({ key, member }) => `${goString(key)}:${goJson(member)}`).join(',')}}`;
}

function goString(text: string): string {
  return `"${text.replace(ESCAPED, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (code >= 0xd800 && code <= 0xdfff) return '\ufffd'; // a lone surrogate escape decodes to the replacement character
    return SHORT[character] ?? `\\u${code.toString(16).padStart(4, '0')}`;
  })}"`;
}

/** strconv 'f', or 'e' below 1e-6 and from 1e21 on, with a two-digit exponent's leading zero removed when negative (encoding/json floatEncoder). */
function goNumber(value: number): string {
  if (Object.is(value, -0)) return '-0';
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude < 1e-6 || magnitude >= 1e21)) return value.toExponential();
  return String(value);
}
