// JSON strings over bytes: the strict walk to the closing quote, and decoding of escapes into UTF-8.

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LOWER_U = 0x75;

/** Value of a hex digit, −1 for anything else. */
function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** The 16 bits of the four hex digits at `at`, −1 if they aren't four. */
function hexQuad(bytes: Uint8Array, at: number): number {
  let unit = 0;
  for (let index = 0; index < 4; index += 1) {
    const digit = hexDigit(bytes[at + index]);
    if (digit < 0) return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit < 0xdc00;
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000;
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}

/** Length of the well-formed UTF-8 sequence (two bytes or more) at `at`, 0 if it is none: Unicode 15, table 3-7. */
export function utf8SequenceLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] ?? 0;
  const second = bytes[at + 1] ?? 0;
  if (lead >= 0xc2 && lead <= 0xdf) return isContinuation(second) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    const from = lead === 0xe0 ? 0xa0 : 0x80;
    const to = lead === 0xed ? 0x9f : 0xbf;
    return second >= from && second <= to && isContinuation(bytes[at + 2]) ? 3 : 0;
  }
  if (lead < 0xf0 || lead > 0xf4) return 0;
  const from = lead === 0xf0 ? 0x90 : 0x80;
  const to = lead === 0xf4 ? 0x8f : 0xbf;
  return second >= from && second <= to && isContinuation(bytes[at + 2]) && isContinuation(bytes[at + 3]) ? 4 : 0;
}

/** Walks one string; `end` is the offset after its closing quote, or where it is wrong. */
export class StringWalk {
  status: 'ok' | 'syntax' | 'utf8' = 'ok';
  end = 0;
  escaped = false;
  /** Backslash of the first lone surrogate escape, −1 if there is none. */
  loneAt = -1;

  /** `at`: the byte after the opening quote. */
  walk(bytes: Uint8Array, at: number): boolean {
    this.escaped = false;
    this.loneAt = -1;
    const end = bytes.length;
    let position = at;
    while (position < end) {
      const byte = bytes[position] ?? 0;
      if (byte === QUOTE) {
        this.status = 'ok';
        this.end = position + 1;
        return true;
      }
      if (byte === BACKSLASH) {
        position = this.#escape(bytes, position);
        if (position < 0) return false;
      } else if (byte < 0x20) {
        return this.#refuse('syntax', position);
      } else if (byte < 0x80) {
        position += 1;
      } else {
        const length = utf8SequenceLength(bytes, position);
        if (length === 0) return this.#refuse('utf8', position);
        position += length;
      }
    }
    return this.#refuse('syntax', end);
  }

  #refuse(status: 'syntax' | 'utf8', at: number): false {
    this.status = status;
    this.end = at;
    return false;
  }

  /** Offset after the escape (after the pair, for a surrogate pair), −1 when refused. */
  #escape(bytes: Uint8Array, at: number): number {
    this.escaped = true;
    switch (bytes[at + 1]) {
      case QUOTE: case BACKSLASH: case 0x2f: case 0x62: case 0x66: case 0x6e: case 0x72: case 0x74:
        return at + 2;
      case LOWER_U:
        break;
      default:
        this.#refuse('syntax', Math.min(at + 1, bytes.length));
        return -1;
    }
    const unit = hexQuad(bytes, at + 2);
    if (unit < 0) {
      let wrong = at + 2;
      while (hexDigit(bytes[wrong]) >= 0) wrong += 1;
      this.#refuse('syntax', Math.min(wrong, bytes.length));
      return -1;
    }
    if (isHigh(unit) && bytes[at + 6] === BACKSLASH && bytes[at + 7] === LOWER_U && isLow(hexQuad(bytes, at + 8))) return at + 12;
    if (unit >= 0xd800 && unit < 0xe000 && this.loneAt < 0) this.loneAt = at;
    return at + 6;
  }
}

function writeUtf8(out: Uint8Array, at: number, point: number): number {
  if (point < 0x80) {
    out[at] = point;
    return at + 1;
  }
  if (point < 0x800) {
    out[at] = 0xc0 | (point >> 6);
    out[at + 1] = 0x80 | (point & 0x3f);
    return at + 2;
  }
  if (point < 0x10000) {
    out[at] = 0xe0 | (point >> 12);
    out[at + 1] = 0x80 | ((point >> 6) & 0x3f);
    out[at + 2] = 0x80 | (point & 0x3f);
    return at + 3;
  }
  out[at] = 0xf0 | (point >> 18);
  out[at + 1] = 0x80 | ((point >> 12) & 0x3f);
  out[at + 2] = 0x80 | ((point >> 6) & 0x3f);
  out[at + 3] = 0x80 | (point & 0x3f);
  return at + 4;
}

const SHORT_ESCAPES: Readonly<Record<number, number>> = { 0x62: 0x08, 0x66: 0x0c, 0x6e: 0x0a, 0x72: 0x0d, 0x74: 0x09 };

/**
 * Decodes the inside of a validated string (quotes excluded) into `out`, which needs `to - from` bytes: no escape is shorter than its UTF-8.
 * Returns the length written. A lone surrogate escape (only a tokenizerOnly check lets one pass) becomes its three generalised UTF-8 bytes, so that keys stay distinct.
 */
export function decodeInto(out: Uint8Array, bytes: Uint8Array, from: number, to: number): number {
  let written = 0;
  let at = from;
  while (at < to) {
    const byte = bytes[at] ?? 0;
    if (byte !== BACKSLASH) {
      out[written] = byte;
      written += 1;
      at += 1;
      continue;
    }
    const kind = bytes[at + 1] ?? 0;
    if (kind !== LOWER_U) {
      out[written] = SHORT_ESCAPES[kind] ?? kind;
      written += 1;
      at += 2;
      continue;
    }
    let point = hexQuad(bytes, at + 2);
    at += 6;
    if (isHigh(point) && bytes[at] === BACKSLASH && bytes[at + 1] === LOWER_U) {
      const low = hexQuad(bytes, at + 2);
      if (isLow(low)) {
        point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
        at += 6;
      }
    }
    written = writeUtf8(out, written, point);
  }
  return written;
}
