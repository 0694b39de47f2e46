// Texts known by their bytes are the texts that stand there.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KnownTexts } from '../../../../src/base/text/known-texts.js';

describe('known texts', () => {
  it('are what decoding gives, however often they come and whatever came before', () => {
    const texts = new KnownTexts();
    const word = fc.oneof(fc.constantFrom('tools/call', 'tools/list', 'tools/calL', 'é', 'aé', '', 'x'.repeat(64), 'x'.repeat(65)), fc.string({ maxLength: 70 }), fc.string({ unit: 'grapheme', maxLength: 8 }));
    fc.assert(fc.property(fc.array(word, { maxLength: 20 }), fc.nat(3), (words, before) => {
      for (const text of [...words, ...words]) {
        const bytes = Buffer.from(text);
        const view = Buffer.concat([Buffer.alloc(before, 0x41), bytes, Buffer.from('"')]);
        expect(texts.read(view, before, before + bytes.length)).toBe(bytes.toString('utf8'));
      }
    }), { numRuns: 3000 });
  });

  it('are the very same string the second time', () => {
    const texts = new KnownTexts();
    const view = Buffer.from('"tools/call"');
    expect(texts.read(view, 1, 11)).toBe('tools/call');
    view.write('tools/list', 1);
    expect(texts.read(view, 1, 11)).toBe('tools/list');
    view.write('tools/call', 1);
    expect(texts.read(view, 1, 11)).toBe('tools/call');
  });
});
