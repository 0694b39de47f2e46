// Short texts that come again and again (methods, tool names, versions): known by their bytes, so that neither decoding nor hashing is paid twice.

const PLACES = 256;
const TEXT_BYTES_MAX = 64;

/** A table of a fixed size in which a new text takes the place of an old one: strangers can make it useless, never large. */
export class KnownTexts {
  readonly #texts: string[] = new Array<string>(PLACES).fill('');

  /** The UTF-8 text of `view` from `from` up to `to`. */
  read(view: Buffer, from: number, to: number): string {
    const length = to - from;
    if (length === 0) return '';
    if (length > TEXT_BYTES_MAX) return view.toString('utf8', from, to);
    const place = (length + (view[from] ?? 0) * 31 + (view[from + (length >> 1)] ?? 0) * 7 + (view[to - 1] ?? 0) * 13) % PLACES;
    const known = this.#texts[place] ?? '';
    if (known.length === length && isThere(known, view, from)) return known;
    const text = view.toString('utf8', from, to);
    if (text.length === length) this.#texts[place] = text; // as many units as bytes: it is ASCII, and comparing units with bytes is sound
    return text;
  }
}

function isThere(text: string, view: Buffer, from: number): boolean {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) !== view[from + i]) return false;
  }
  return true;
}
