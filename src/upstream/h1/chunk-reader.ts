// Reads a chunked body (RFC 9112 section 7.1), strictly: extensions are refused, as parsers disagree where one ends and no tool server sends any.

const TRAILER_FORM = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*$/;
const CR = 0x0d;
const LF = 0x0a;
const SIZE_DIGITS_MAX = 8; // 4 GiB a chunk, far above any answer's limit
const TRAILER_BYTES_MAX = 8 * 1024; // trailers are dropped; more than a few is an attack on time

/** Takes a piece of the body; false = nothing more is wanted. */
export type TakeBytes = (chunk: Buffer) => boolean;

/** What `read` returns besides the place after the body. */
export const MORE = -1;
export const BROKEN = -2;
export const STOPPED = -3;

type Place = 'size' | 'size_lf' | 'data' | 'data_cr' | 'data_lf' | 'trailer' | 'trailer_lf';

export class ChunkReader {
  #place: Place = 'size';
  #size = 0;
  #digits = 0;
  #trailer = '';
  #trailerBytes = 0;

  reset(): void {
    this.#place = 'size';
    this.#size = this.#digits = 0;
    this.#trailer = '';
    this.#trailerBytes = 0;
  }

  /** Reads bytes[from, to): where the body ended, or one of the three above. */
  read(bytes: Buffer, from: number, to: number, take: TakeBytes): number {
    let at = from;
    while (at < to) {
      if (this.#place === 'data') {
        const end = Math.min(to, at + this.#size);
        this.#size -= end - at;
        if (this.#size === 0) this.#place = 'data_cr';
        if (!take(bytes.subarray(at, end))) return STOPPED;
        at = end;
        continue;
      }
      const end = this.#readByte(bytes[at] ?? 0);
      if (end === BROKEN) return BROKEN;
      at += 1;
      if (end === 0) return at;
    }
    return MORE;
  }

  /** One byte beside the data: 0 = it was the last. */
  #readByte(byte: number): number {
    switch (this.#place) {
      case 'size': return this.#readSize(byte);
      case 'size_lf': return byte === LF ? this.#go(this.#size === 0 ? 'trailer' : 'data') : BROKEN;
      case 'data_cr': return byte === CR ? this.#go('data_lf') : BROKEN;
      case 'data_lf':
        this.#digits = 0;
        return byte === LF ? this.#go('size') : BROKEN;
      case 'trailer': return this.#readTrailer(byte);
      case 'trailer_lf': return this.#endTrailer(byte);
      case 'data': return BROKEN;
    }
  }

  #go(place: Place): number {
    this.#place = place;
    return MORE;
  }

  #readSize(byte: number): number {
    if (byte === CR) return this.#digits > 0 ? this.#go('size_lf') : BROKEN;
    const digit = hexDigit(byte);
    this.#digits += 1;
    if (digit === BROKEN || this.#digits > SIZE_DIGITS_MAX) return BROKEN;
    this.#size = this.#size * 16 + digit;
    return MORE;
  }

  #readTrailer(byte: number): number {
    if (byte === CR) return this.#go('trailer_lf');
    this.#trailerBytes += 1;
    if (this.#trailerBytes > TRAILER_BYTES_MAX) return BROKEN;
    this.#trailer += String.fromCharCode(byte);
    return MORE;
  }

  #endTrailer(byte: number): number {
    if (byte !== LF) return BROKEN;
    if (this.#trailer === '') return 0;
    if (!TRAILER_FORM.test(this.#trailer)) return BROKEN;
    this.#trailer = '';
    return this.#go('trailer');
  }
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : BROKEN;
}
