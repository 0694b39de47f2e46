// JSON text by hand for audit lines: strings, numbers and times, quick in the usual case and safe in the hostile one.

/** Longest text a member keeps: a tool name may be as long as a body, and strangers must not fill the disk with it. A SPIFFE ID (2,048 bytes at most) fits. */
export const TEXT_CHARS_MAX = 2048;

// What JSON must escape, lone surrogates (they have no UTF-8), and what a terminal would obey or a reader be fooled by: C1 controls, line separators, bidirectional overrides.
// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const NEEDS_CARE = /["\\\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069\ud800-\udfff]/;
// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const FOOLS_READERS = /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

const DASH = 0x2d;
const BACKSLASH = 0x5c;
const LETTER_Z = 0x7a;

function escapeUnit(unit: string): string {
  return '\\u' + unit.charCodeAt(0).toString(16).padStart(4, '0');
}

/** A JSON string literal; the text is cut at `charsMax` and says by how much. */
export function quote(text: string, charsMax: number = TEXT_CHARS_MAX): string {
  const kept = text.length > charsMax ? `${text.slice(0, charsMax)}…(+${text.length - charsMax})` : text;
  if (!NEEDS_CARE.test(kept)) return `"${kept}"`;
  return JSON.stringify(kept).replace(FOOLS_READERS, escapeUnit);
}

const TOKEN_CHARS_MAX = 128;

/** As `quote`, quicker for ids and digests: letters, digits, `-`, `:` and what lies between need no care. */
export function quoteToken(text: string): string {
  if (text.length > TOKEN_CHARS_MAX) return quote(text);
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < DASH || unit > LETTER_Z || unit === BACKSLASH) return quote(text);
  }
  return `"${text}"`;
}

/** `null` for what is absent, so that every record has every member. */
export function quoteOrNull(text: string | undefined): string {
  return text === undefined || text === '' ? 'null' : quote(text);
}

export function quoteAll(texts: readonly string[]): string {
  let out = '[';
  for (let i = 0; i < texts.length; i++) out += (i === 0 ? '' : ',') + quote(texts[i] ?? '');
  return out + ']';
}

/** NaN and the infinities have no JSON. */
export function numberText(value: number): string {
  return Number.isFinite(value) ? String(value) : 'null';
}

/** A duration in µs, to a tenth: by whole numbers, because printing a fraction costs ten times as much. */
export function tenthsText(us: number): string {
  const tenths = Math.round(us * 10);
  if (!(tenths >= 0 && tenths < Number.MAX_SAFE_INTEGER)) return numberText(us);
  const rest = tenths % 10;
  const whole = String((tenths - rest) / 10);
  return rest === 0 ? whole : `${whole}.${rest}`;
}

const US_PER_S = 1_000_000;
/** Where a Date still has a four-digit year. */
const SECONDS_MAX = 253_402_300_800;

/** Texts of the second that was asked for last: all lines of a second share them. */
const second = { at: -1, digits: '', iso: '' };

function enter(s: number): typeof second {
  if (s !== second.at) {
    second.at = s;
    second.digits = String(s);
    second.iso = new Date(s * 1000).toISOString().slice(0, 20);
  }
  return second;
}

function sixDigits(below: number): string {
  return String(US_PER_S + below).slice(1);
}

function isUsual(us: number, s: number): boolean {
  return Number.isInteger(us) && s > 0 && s < SECONDS_MAX;
}

/** A whole number of microseconds since the epoch, as numberText prints it: sixteen digits at once cost ten times as much as two halves. */
export function microsText(us: number): string {
  const s = Math.floor(us / US_PER_S);
  if (!isUsual(us, s)) return numberText(us);
  return enter(s).digits + sixDigits(us - s * US_PER_S);
}

/** Microseconds since the epoch as ISO 8601 in UTC with six decimals; what no Date can hold becomes the epoch. */
export function isoMicros(us: number): string {
  const s = Math.floor(us / US_PER_S);
  if (isUsual(us, s)) return `${enter(s).iso}${sixDigits(us - s * US_PER_S)}Z`;
  const whole = Number.isFinite(us) ? Math.floor(us) : 0;
  const ms = Math.floor(whole / 1000);
  const micros = String(whole - ms * 1000).padStart(3, '0');
  return `${new Date(Math.abs(ms) <= 8.64e15 ? ms : 0).toISOString().slice(0, -1)}${micros}Z`;
}

/** The text that a function makes of the input it saw last: neighbouring records share most of theirs. */
export function remembersLast<In>(make: (input: In) => string, same: (a: In, b: In) => boolean = (a, b) => a === b): (input: In) => string {
  let last: { readonly input: In; readonly text: string; readonly whole: boolean } | undefined;
  return (input) => {
    if (last === undefined || !same(input, last.input)) last = { input, text: make(input), whole: false };
    else if (!last.whole) last = { input, text: flat(last.text), whole: true }; // what comes twice in a row is likely to come again
    return last.text;
  };
}

const KNOWN_CHARS_MAX = 256;
const KNOWN_MAX = 1024;
const known = new Map<string, string>();

/** As quoteOrNull, quicker for the names that come again and again: of callers, sessions, tools and servers. */
export function quoteKnown(text: string | undefined): string {
  if (text === undefined || text.length > KNOWN_CHARS_MAX) return quoteOrNull(text);
  const found = known.get(text);
  if (found !== undefined) return found;
  const made = flat(quoteOrNull(text));
  if (known.size >= KNOWN_MAX) known.clear(); // strangers' names must neither fill the memory nor keep the others out
  const own = flat(text); // not a piece of some body's text, which it would keep alive
  if (own === text) known.set(own, made); // a lone surrogate has no UTF-8: the key would be another name
  return made;
}

/** The same well-formed text as one run of characters: what is put into many lines must not be a chain of pieces, which each line would walk again. */
export function flat(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8');
}
