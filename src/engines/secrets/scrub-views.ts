// Decoded views of a buffer, each with the way back to the raw bytes: a secret echoed in an escape is found in the view that undoes it.

export interface View {
  readonly bytes: Buffer;
  /** Raw offset where byte n of the view begins; one more entry for the end. Undefined: the view is the raw buffer. */
  readonly origin: Uint32Array | undefined;
}

const BACKSLASH = 0x5c;
const PERCENT = 0x25;
const LOWER_U = 0x75;
const LOWER_X = 0x78;
const ESCAPED: Readonly<Record<number, number>> = { 0x22: 0x22, 0x5c: 0x5c, 0x2f: 0x2f, 0x62: 0x08, 0x66: 0x0c, 0x6e: 0x0a, 0x72: 0x0d, 0x74: 0x09 };

/** The buffer, unescaped as JSON once and twice (tool answers carry JSON in JSON text), each also percent-decoded and without line ends. */
export function viewsOf(raw: Buffer): View[] {
  const views: View[] = [{ bytes: raw, origin: undefined }];
  const once = decodeView(views[0], BACKSLASH, unescapeJson);
  if (once !== undefined) views.push(once);
  const twice = decodeView(once, BACKSLASH, unescapeJson);
  if (twice !== undefined) views.push(twice);
  for (const view of [...views]) {
    const unpercented = decodeView(view, PERCENT, unescapePercent);
    if (unpercented !== undefined) views.push(unpercented);
    const unbroken = dropLineEnds(view);
    if (unbroken !== undefined) views.push(unbroken);
  }
  return views;
}

/** The span of raw bytes that a span of the view came from; never begins inside a JSON escape, whose rest would break the text. */
export function rawSpan(view: View, from: number, to: number): readonly [number, number] {
  return view.origin === undefined ? [escapeStart(view.bytes, from), to] : [view.origin[from] ?? 0, view.origin[to] ?? 0];
}

const UNICODE_ESCAPE_LENGTH = 6;

/** Where the escape that covers `at` begins; `at` itself if none does. */
function escapeStart(raw: Buffer, at: number): number {
  for (let start = at - 1; start >= 0 && at - start < UNICODE_ESCAPE_LENGTH; start -= 1) {
    if (raw[start] !== BACKSLASH) continue;
    let run = start;
    while (run > 0 && raw[run - 1] === BACKSLASH) run -= 1;
    const starts = (start - run) % 2 === 0;
    return starts && (at - start === 1 || raw[start + 1] === LOWER_U) ? start : at;
  }
  return at;
}

/** Reads one escape at `at`: how many bytes it takes, and what it means; undefined where it is none. */
type Unescape = (bytes: Buffer, at: number) => { readonly length: number; readonly meaning: Buffer | number } | undefined;

function decodeView(view: View | undefined, marker: number, unescape: Unescape): View | undefined {
  if (view === undefined || !view.bytes.includes(marker)) return undefined;
  const { bytes } = view;
  const out = Buffer.allocUnsafe(bytes.length); // an escape is never shorter than what it means
  const origin = new Uint32Array(bytes.length + 1);
  let length = 0;
  const emit = (byte: number, at: number): void => {
    out[length] = byte;
    origin[length] = originOf(view, at);
    length += 1;
  };
  for (let at = 0; at < bytes.length; ) {
    const byte = bytes[at] ?? 0;
    const escape = byte === marker ? unescape(bytes, at) : undefined;
    if (escape === undefined) emit(byte, at);
    else if (typeof escape.meaning === 'number') emit(escape.meaning, at);
    else for (const one of escape.meaning) emit(one, at);
    at += escape?.length ?? 1;
  }
  origin[length] = originOf(view, bytes.length);
  return { bytes: out.subarray(0, length), origin };
}

function originOf(view: View, at: number): number {
  return view.origin === undefined ? at : (view.origin[at] ?? 0);
}

/** RFC 8259 section 7; a surrogate pair is one character. `\xHH`, which programs print, is one byte here; the DLP decoder takes it for a character. */
function unescapeJson(bytes: Buffer, at: number): ReturnType<Unescape> {
  const letter = bytes[at + 1] ?? 0;
  const short = ESCAPED[letter];
  if (short !== undefined) return { length: 2, meaning: short };
  const printed = letter === LOWER_X ? hexAt(bytes, at + 2, 2) : undefined;
  if (printed !== undefined) return { length: 4, meaning: printed };
  const first = letter === LOWER_U ? hexAt(bytes, at + 2, 4) : undefined;
  if (first === undefined) return undefined;
  const isHigh = first >= 0xd800 && first < 0xdc00;
  const second = isHigh && bytes[at + 6] === BACKSLASH && bytes[at + 7] === LOWER_U ? hexAt(bytes, at + 8, 4) : undefined;
  if (second !== undefined && second >= 0xdc00 && second < 0xe000) return { length: 12, meaning: Buffer.from(String.fromCharCode(first, second)) };
  return { length: 6, meaning: first < 0x80 ? first : Buffer.from(String.fromCharCode(first)) };
}

/** RFC 3986 section 2.1, either case. */
function unescapePercent(bytes: Buffer, at: number): ReturnType<Unescape> {
  const meaning = hexAt(bytes, at + 1, 2);
  return meaning === undefined ? undefined : { length: 3, meaning };
}

function hexAt(bytes: Buffer, at: number, digits: number): number | undefined {
  let value = 0;
  for (let n = at; n < at + digits; n += 1) {
    const code = bytes[n] ?? 0;
    const lower = code | 0x20;
    if (code >= 0x30 && code <= 0x39) value = value * 16 + code - 0x30;
    else if (lower >= 0x61 && lower <= 0x66) value = value * 16 + lower - 0x57;
    else return undefined;
  }
  return value;
}

/** MIME and PEM break base64 into lines (RFC 2045 section 6.8). */
function dropLineEnds(view: View): View | undefined {
  const { bytes } = view;
  if (!bytes.includes(0x0a) && !bytes.includes(0x0d)) return undefined;
  const out = Buffer.allocUnsafe(bytes.length);
  const origin = new Uint32Array(bytes.length + 1);
  let length = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte === 0x0a || byte === 0x0d) continue;
    out[length] = byte;
    origin[length] = originOf(view, at);
    length += 1;
  }
  origin[length] = originOf(view, bytes.length);
  return { bytes: out.subarray(0, length), origin };
}
