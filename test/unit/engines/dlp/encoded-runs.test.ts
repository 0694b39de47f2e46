// What base64 hides in UTF-16 is read wherever it stands between other bytes: compared with a reader that tries each place.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeRuns } from '../../../../src/engines/dlp/encoded-runs.js';

const LIMITS = { runMin: 15, readableMin: 4 };
const isLetter = (byte: number | undefined): boolean => byte !== undefined && ((byte >= 0x20 && byte < 0x7f) || byte === 0x09 || byte === 0x0d);

/** Letters with a zero behind each, or before each, at least `min` of them. */
function wideRuns(bytes: Uint8Array, min: number): string[] {
  const found: string[] = [];
  for (let from = 0; from < bytes.length; ) {
    let to = from;
    while (isLetter(bytes[to]) && (to + 1 === bytes.length || bytes[to + 1] === 0)) to += 2;
    const letters = (to - from) / 2 + (to > from && isLetter(bytes[to]) ? 1 : 0);
    if (letters >= min) found.push(String.fromCharCode(...Array.from({ length: letters }, (_, n) => bytes[from + 2 * n] ?? 0)));
    from = to > from ? to : from + 1;
  }
  return found;
}

const noise = fc.uint8Array({ maxLength: 9 }).map((bytes) => bytes.filter((byte) => byte !== 0x0a)); // pieces are told apart by line breaks
const zerosAndLetters = fc.array(fc.constantFrom(0, 0x61, 0x7a), { maxLength: 12 }).map((bytes) => Uint8Array.from(bytes));
const text = fc.string({ unit: 'grapheme-ascii', maxLength: 12 });
const wide = text.map((letters) => Buffer.from(letters, 'utf16le'));
const swapped = text.map((letters) => Buffer.from(letters, 'utf16le').swap16());

describe('base64 of UTF-16', () => {
  it('is read as a reader does that tries each place', () => {
    fc.assert(fc.property(fc.array(fc.oneof(noise, zerosAndLetters, wide, swapped), { minLength: 2, maxLength: 8 }), (parts) => {
      const bytes = Buffer.concat(parts);
      const read = decodeRuns(Buffer.from(bytes.toString('base64')), LIMITS);
      const pieces = Buffer.from(read?.bytes ?? []).toString('latin1').split('\n');
      // A run that is shorter than what is decoded at all hides nothing of this length.
      const expected = bytes.toString('base64').replace(/=+$/, '').length < LIMITS.runMin ? [] : wideRuns(bytes, LIMITS.readableMin);
      for (const run of expected) expect(pieces).toContain(run);
    }), { numRuns: 3000 });
  });
});
