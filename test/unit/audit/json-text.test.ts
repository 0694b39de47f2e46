// JSON text by hand: whatever the string, the literal is valid JSON and gives the string back.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TEXT_CHARS_MAX, isoMicros, numberText, quote, quoteAll, quoteKnown, quoteOrNull, tenthsText } from '../../../src/audit/json-text.js';

const anyText = fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 60 }).map((units) => String.fromCharCode(...units)));

describe('quote', () => {
  it('gives back any string, lone surrogates included, and is valid UTF-8', () => {
    fc.assert(fc.property(anyText, (text) => {
      const literal = quote(text);
      expect(JSON.parse(literal)).toBe(text);
      expect(Buffer.from(literal, 'utf8').toString('utf8')).toBe(literal);
      expect(literal).not.toMatch(/[\n\r]/);
    }), { numRuns: 2000 });
  });

  it.each(['\u009b31m', '\u007f', '\u2028', '\u202egnp.exe', '\u2066', '\u001b[2J'])('leaves nothing raw that a terminal obeys or a reader is fooled by: %j', (text) => {
    // eslint-disable-next-line no-control-regex
    expect(quote(text)).toMatch(/^[\u0020-\u007e]*$/);
    expect(JSON.parse(quote(text))).toBe(text);
  });

  it('cuts a text at its limit, says by how much, and stays valid where the cut parts a pair', () => {
    const text = `${'a'.repeat(TEXT_CHARS_MAX - 1)}😀${'b'.repeat(100)}`;
    const kept = JSON.parse(quote(text)) as string;
    expect(kept.startsWith('a'.repeat(TEXT_CHARS_MAX - 1))).toBe(true);
    expect(kept).toMatch(/\(\+101\)$/);
    expect(kept.length).toBeLessThan(TEXT_CHARS_MAX + 20);
  });

  it('keeps the longest SPIFFE ID whole', () => {
    const id = `spiffe://poc.local/${'x'.repeat(2048 - 19)}`;
    expect(JSON.parse(quote(id))).toBe(id);
  });
});

describe('quoteKnown', () => {
  it('says of a name what quoteOrNull says, the first time and again, however many there are', () => {
    const names = [undefined, '', 'a', '"', '\ud800', '\ufffd', 'é', '😀', 'x'.repeat(256), 'x'.repeat(257), 'x'.repeat(3000), ...Array.from({ length: 3000 }, (_, i) => `name ${i}`)];
    for (const name of [...names, ...names]) expect(quoteKnown(name)).toBe(quoteOrNull(name));
    fc.assert(fc.property(anyText, (text) => {
      for (let i = 0; i < 2; i++) expect(quoteKnown(text)).toBe(quoteOrNull(text));
    }));
  });
});

describe('the other members', () => {
  it('writes null for what is absent', () => {
    expect([quoteOrNull(undefined), quoteOrNull(''), quoteOrNull('x')]).toEqual(['null', 'null', '"x"']);
    expect([numberText(Number.NaN), numberText(Infinity), numberText(-0), numberText(1.5)]).toEqual(['null', 'null', '0', '1.5']);
  });

  it('writes lists of any strings', () => {
    fc.assert(fc.property(fc.array(anyText, { maxLength: 5 }), (texts) => {
      expect(JSON.parse(quoteAll(texts))).toEqual(texts);
    }));
  });

  it('rounds durations to a tenth', () => {
    fc.assert(fc.property(fc.double({ min: 0, max: 1e12, noNaN: true }), (us) => {
      expect(Number(tenthsText(us))).toBe(Math.round(us * 10) / 10);
    }), { numRuns: 2000 });
    expect([0, -0, 0.04, 0.05, 0.96, 9.95, 1e6, 1234.5].map(tenthsText)).toEqual(['0', '0', '0', '0.1', '1', '10', '1000000', '1234.5']);
  });

  it('writes any number as valid JSON', () => {
    fc.assert(fc.property(fc.double(), (value) => {
      JSON.parse(numberText(value));
      JSON.parse(tenthsText(value));
    }));
  });

  it('writes microseconds as ISO 8601, to the last digit', () => {
    expect(isoMicros(1_767_225_600_000_000)).toBe('2026-01-01T00:00:00.000000Z');
    expect(isoMicros(1_767_225_599_999_999)).toBe('2025-12-31T23:59:59.999999Z');
    expect(isoMicros(1_767_225_600_000_001.75)).toBe('2026-01-01T00:00:00.000001Z');
    expect(isoMicros(-1)).toBe('1969-12-31T23:59:59.999999Z');
    fc.assert(fc.property(fc.integer({ min: 0, max: 4_102_444_800_000_000 }), (us) => {
      const text = isoMicros(us);
      expect(Date.parse(`${text.slice(0, 23)}Z`) * 1000 + Number(text.slice(23, 26))).toBe(us);
    }));
    expect(isoMicros(1e300)).toMatch(/^1970-01-01T00:00:00\.\d{6}Z$/);
    expect(isoMicros(Number.NaN)).toBe('1970-01-01T00:00:00.000000Z');
  });
});
