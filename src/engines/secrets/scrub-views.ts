// Decoded views of a buffer, each with the way back to the raw bytes: a secret echoed in an escape is found in the view that undoes it.

export interface View {
  readonly bytes: Buffer;
  /** Where in the raw buffer byte `at` of the view begins; of the view's length, where its last byte ends. Undefined: the view is the raw buffer. */
  readonly rawAt: ((at: number) => number) | undefined;
}

const UNESCAPED_TIMES = 2;
const BACKSLASH = 0x5c;
const PERCENT = 0x25;
const LF = 0x0a;
const CR = 0x0d;
const LOWER_U = 0x75;
const LOWER_X = 0x78;
const NOTED_FIRST = 64;
const ESCAPED: Readonly<Record<number, number>> = { 0x22: 0x22, 0x5c: 0x5c, 0x2f: 0x2f, 0x62: 0x08, 0x66: 0x0c, 0x6e: 0x0a, 0x72: 0x0d, 0x74: 0x09 };

/** The buffer, unescaped as JSON once and twice (tool answers carry JSON in JSON text), each also percent-decoded and without line ends. One after the other: each is as large as the buffer. */
export function* viewsOf(raw: Buffer): Generator<View> {
  let view: View | undefined = { bytes: raw, rawAt: undefined };
  for (let times = 0; view !== undefined && times <= UNESCAPED_TIMES; times += 1) {
    yield view;
    const unpercented = decodeView(view, PERCENT, unescapePercent);
    if (unpercented !== undefined) yield unpercented;
    const unbroken = dropLineEnds(view);
    if (unbroken !== undefined) yield unbroken;
    view = decodeView(view, BACKSLASH, unescapeJson);
  }
}

/** The span of raw bytes that a span of the view came from; never begins inside a JSON escape, whose rest would break the text. */
export function rawSpan(view: View, from: number, to: number): readonly [number, number] {
  return view.rawAt === undefined ? [escapeStart(view.bytes, from), to] : [view.rawAt(from), view.rawAt(to)];
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

/** Undefined where nothing is to be decoded: the view would be the same once more. */
function decodeView(view: View, marker: number, unescape: Unescape): View | undefined {
  const { bytes } = view;
  const first = bytes.indexOf(marker);
  if (first === -1) return undefined;
  const out = Buffer.allocUnsafe(bytes.length); // an escape is never shorter than what it means
  const origin = new Origin();
  let length = bytes.copy(out, 0, 0, first);
  for (let at = first; at < bytes.length; ) {
    const byte = bytes[at] ?? 0;
    const escape = byte === marker ? unescape(bytes, at) : undefined;
    if (escape === undefined) {
      out[length++] = byte;
      at += 1;
      continue;
    }
    const { meaning } = escape;
    for (let n = 0; n < (typeof meaning === 'number' ? 1 : meaning.length); n += 1) {
      origin.note(length, at);
      out[length++] = typeof meaning === 'number' ? meaning : (meaning[n] ?? 0);
    }
    at += escape.length;
    origin.note(length, at);
  }
  return length === bytes.length ? undefined : derived(view, out.subarray(0, length), origin);
}

function derived({ rawAt }: View, bytes: Buffer, origin: Origin): View {
  return { bytes, rawAt: rawAt === undefined ? (at) => origin.of(at) : (at) => rawAt(origin.of(at)) };
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
  if (!bytes.includes(LF) && !bytes.includes(CR)) return undefined;
  const out = Buffer.allocUnsafe(bytes.length);
  const origin = new Origin();
  let length = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte === LF || byte === CR) origin.note(length, at + 1);
    else out[length++] = byte;
  }
  return derived(view, out.subarray(0, length), origin);
}

/** Where the bytes of a view came from: noted where that does not follow from the bytes before. Most stand as they stood; a number for each would take longer to write than all that is read. */
class Origin {
  #starts = new Uint32Array(NOTED_FIRST);
  #froms = new Uint32Array(NOTED_FIRST);
  /** One is noted from the beginning: 0 came from 0. */
  #count = 1;

  /** `at` never goes back. */
  note(at: number, from: number): void {
    const last = this.#count - 1;
    const start = this.#starts[last] ?? 0;
    if (from - (this.#froms[last] ?? 0) === at - start) return;
    const place = start === at ? last : this.#count++;
    if (place === this.#starts.length) this.#grow();
    this.#starts[place] = at;
    this.#froms[place] = from;
  }

  of(at: number): number {
    let low = 0;
    let high = this.#count;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if ((this.#starts[middle] ?? 0) <= at) low = middle;
      else high = middle;
    }
    return (this.#froms[low] ?? 0) + at - (this.#starts[low] ?? 0);
  }

  #grow(): void {
    this.#starts = doubled(this.#starts);
    this.#froms = doubled(this.#froms);
  }
}

function doubled(numbers: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(numbers.length * 2);
  larger.set(numbers);
  return larger;
}
