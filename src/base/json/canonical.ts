// Canonical JSON: RFC 8785 (JCS) for parsed values, and the form of arguments that keeps number literals as they were written.

/** Deeper than any message the guard lets pass; also ends a cyclic value. */
const DEPTH_MAX = 1024;
const LONE_SURROGATE = /\p{Surrogate}/u;

function canonicalString(text: string): string {
  // RFC 8785 section 3.2.2.2: an error, not an escape.
  if (LONE_SURROGATE.test(text)) throw new TypeError('lone surrogate in a string');
  return JSON.stringify(text);
}

/** By UTF-16 code units: RFC 8785 section 3.2.3. */
function compareCodeUnits(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** RFC 8785 text of a parsed JSON value. Throws TypeError on what JSON can't say (NaN, bigint, functions, lone surrogates), RangeError beyond 1024 levels. */
export function canonicalJcs(value: unknown): string {
  return canonicalAt(value, 0);
}

function canonicalAt(value: unknown, depth: number): string {
  if (typeof value === 'string') return canonicalString(value);
  if (typeof value === 'boolean' || value === null) return String(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError('a number that JSON can\'t say');
    return JSON.stringify(value);
  }
  if (typeof value !== 'object') throw new TypeError(`a ${typeof value} is no JSON value`);
  if (depth >= DEPTH_MAX) throw new RangeError(`more than ${DEPTH_MAX} levels`);
  if (Array.isArray(value)) return `[${value.map((element) => canonicalAt(element, depth + 1)).join(',')}]`;
  const object = value as Readonly<Record<string, unknown>>;
  // Without a comparison of ours it sorts by UTF-16 code units, too, in half the time.
  const keys = Object.keys(object).sort().filter((key) => object[key] !== undefined); // RFC 8785 section 3.2.3
  const members = keys.map((key) => `${canonicalString(key)}:${canonicalAt(object[key], depth + 1)}`);
  return `{${members.join(',')}}`;
}

/** An open object or array and what is complete of it: per member its text, in an object with the key before it. */
interface Frame {
  readonly isObject: boolean;
  readonly keys: string[];
  readonly texts: string[];
  sorted: boolean;
}

function closeFrame(frame: Frame): string {
  const { keys, texts } = frame;
  let order: readonly number[] | undefined;
  if (!frame.sorted) order = [...keys.keys()].sort((a, b) => compareCodeUnits(keys[a] ?? '', keys[b] ?? ''));
  // Concatenation links the pieces; joining would copy every level's text once more.
  let text = frame.isObject ? '{' : '[';
  for (let place = 0; place < texts.length; place += 1) {
    if (place > 0) text += ',';
    text += texts[order?.[place] ?? place] ?? '';
  }
  return text + (frame.isObject ? '}' : ']');
}

/** Offset after the string whose opening quote is at `from`. */
export function endOfString(text: string, from: number): number {
  for (let at = text.indexOf('"', from + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(at - 1 - backslashes) === 0x5c) backslashes += 1;
    if (backslashes % 2 === 0) return at + 1;
  }
  return text.length;
}

/** End of a number or of true, false, null. */
function endOfWord(text: string, from: number): number {
  let at = from;
  for (; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit <= 0x20 || unit === 0x2c || unit === 0x5d || unit === 0x7d) break;
  }
  if (at === from) throw new SyntaxError(`not JSON at character ${from}`);
  return at;
}

/**
 * The canonical form of the arguments in bytes[from, to), already validated: no white space, keys sorted, escapes decoded, number literals byte for byte.
 * The digest of an approved call and of the audit record are made of it. An empty span (no arguments) gives the empty string.
 */
export function canonicalArguments(bytes: Uint8Array, from: number, to: number): string {
  const source = Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('utf8');
  const frames: Frame[] = [];
  let frame: Frame | undefined;
  // The member's key and colon, until its value is complete.
  const pending: string[] = [];
  let whole = '';
  const complete = (text: string): void => {
    if (frame === undefined) whole = text;
    else frame.texts.push(frame.isObject ? (pending.pop() ?? '') + text : text);
  };
  for (let at = 0; at < source.length; ) {
    const unit = source.charCodeAt(at);
    if (unit === 0x22) {
      const end = endOfString(source, at);
      const raw = source.slice(at, end);
      // Without an escape the literal is its own canonical form.
      const decoded = raw.includes('\\') ? (JSON.parse(raw) as string) : undefined;
      const literal = decoded === undefined ? raw : JSON.stringify(decoded);
      at = end;
      if (frame?.isObject === true && frame.keys.length === frame.texts.length) {
        noteKey(frame, decoded ?? raw.slice(1, -1));
        pending.push(`${literal}:`);
      } else {
        complete(literal);
      }
    } else if (unit === 0x7b || unit === 0x5b) {
      frame = { isObject: unit === 0x7b, keys: [], texts: [], sorted: true };
      frames.push(frame);
      at += 1;
    } else if (unit === 0x7d || unit === 0x5d) {
      const closed = frames.pop();
      frame = frames.at(-1);
      if (closed !== undefined) complete(closeFrame(closed));
      at += 1;
    } else if (unit <= 0x20 || unit === 0x2c || unit === 0x3a) {
      at += 1;
    } else {
      const end = endOfWord(source, at);
      complete(source.slice(at, end));
      at = end;
    }
  }
  return whole;
}

function noteKey(frame: Frame, key: string): void {
  const last = frame.keys.at(-1);
  if (last !== undefined && last > key) frame.sorted = false;
  frame.keys.push(key);
}
