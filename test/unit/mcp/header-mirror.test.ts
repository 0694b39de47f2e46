// The sentinel form of mirrored headers: one spelling for one value, both ways.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeMirroredHeader, encodeMirroredHeader } from '../../../src/mcp/header-mirror.js';

describe('mirrored headers', () => {
  it('gives back every value that was put in', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (value) => decodeMirroredHeader(encodeMirroredHeader(value)) === value));
  });
  it('encodes what a header cannot hold as it is', () => {
    for (const value of ['', ' a', 'a ', 'é', 'a\nb', '=?base64?YQ==?=']) expect(encodeMirroredHeader(value)).toMatch(/^=\?base64\?/);
    expect(encodeMirroredHeader('a b')).toBe('a b');
  });
  it.each(['=?base64??=x', 'plain', '=?base64?', '?='])('takes %s for itself', (value) => {
    expect(decodeMirroredHeader(value)).toBe(value);
  });
  it.each(['=?base64?YQ=?=', '=?base64?Y Q==?=', '=?base64?YR==?=', '=?base64?_w==?=', '=?base64?/w==?='])('refuses %s', (value) => {
    expect(decodeMirroredHeader(value)).toBeUndefined();
  });
});
