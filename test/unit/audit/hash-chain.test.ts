// The hash as SPEC section 8 defines it, computed here the contract's way, and every single-byte change found.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GENESIS_HASH, readLink, sealInPlace, sealLine, sealedBytes, verifyLine } from '../../../src/audit/hash-chain.js';
import { requestLine } from '../../../src/audit/record.js';
import { requestFacts } from './line-fixture.js';

const sha256 = (data: string): string => createHash('sha256').update(data, 'utf8').digest('hex');

describe('sealLine', () => {
  it('starts from SHA-256 of the empty string', () => {
    expect(GENESIS_HASH).toBe(sha256(''));
  });

  it('hashes the bytes before the last ,"hash":, plus a brace', () => {
    const { text, hash } = sealLine(requestLine(requestFacts('ä😀')), 42, GENESIS_HASH);
    expect(hash).toBe(sha256(`${text.slice(0, text.indexOf(',"hash":'))}}`));
    expect(JSON.parse(text)).toMatchObject({ seq: 42, prev_hash: GENESIS_HASH, hash });
    expect(Object.keys(JSON.parse(text) as object).at(-1)).toBe('hash');
  });
});

describe('sealInPlace', () => {
  it('writes what sealLine says, where the line stands, and nothing else', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), fc.maxSafeNat(), fc.nat(50), (text, seq, at) => {
      const [open, whole] = [Buffer.from(text), sealLine(text, seq, GENESIS_HASH)];
      const expected = Buffer.from(`${whole.text}\n`);
      expect(sealedBytes(open.length, seq)).toBe(expected.length);
      const target = Buffer.alloc(at + expected.length + 10, '#');
      open.copy(target, at);
      expect(sealInPlace(target, at, open.length, seq, GENESIS_HASH)).toBe(whole.hash);
      expect(target).toEqual(Buffer.concat([Buffer.alloc(at, '#'), expected, Buffer.alloc(10, '#')]));
    }));
  });
});

describe('verifyLine', () => {
  const line = Buffer.from(sealLine(requestLine(requestFacts('d')), 7, GENESIS_HASH).text);

  it('accepts what was sealed and reads its place', () => {
    expect(verifyLine(line)).toEqual({ ok: true, link: { seq: 7, prevHash: GENESIS_HASH, hash: line.subarray(-66, -2).toString() } });
  });

  it('finds every flipped bit', () => {
    for (let at = 0; at < line.length; at++) {
      for (const bit of [0x01, 0x20, 0x80]) {
        const flipped = Buffer.from(line);
        flipped[at] = (flipped[at] ?? 0) ^ bit;
        if (verifyLine(flipped).ok) throw new Error(`byte ${at}, bit ${bit} passed`);
      }
    }
  });

  it('finds every cut and every added byte', () => {
    for (let length = 0; length < line.length; length++) expect(verifyLine(line.subarray(0, length)).ok).toBe(false);
    for (const extra of [' ', '\r', '}', '\u0000']) expect(verifyLine(Buffer.concat([line, Buffer.from(extra)])).ok).toBe(false);
    expect(verifyLine(Buffer.concat([Buffer.from(' '), line])).ok).toBe(false);
  });

  it('refuses a rightly hashed line that is not strict JSON', () => {
    for (const open of ['{"a":tru', '{"a":"\u0007"', '[1', '{"a":1,}']) expect(verifyLine(Buffer.from(sealLine(open, 1, GENESIS_HASH).text)).ok).toBe(false);
    const bytes = Buffer.from(sealLine('{"a":"#"', 1, GENESIS_HASH).text, 'latin1');
    bytes[6] = 0xff;
    expect(verifyLine(bytes).ok).toBe(false);
  });

  it('takes any bytes without a throw', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(verifyLine(bytes).ok).toBe(false);
      expect(readLink(bytes)).toBeUndefined();
    }));
  });

  it('reads the seal of the line, not one that a string imitates', () => {
    const imitation = `,"seq":9,"prev_hash":"${'0'.repeat(64)}","hash":"${'0'.repeat(64)}"}`;
    const bytes = Buffer.from(sealLine(requestLine(requestFacts('d', { tool: imitation })), 3, GENESIS_HASH).text);
    expect(readLink(bytes)?.seq).toBe(3);
  });
});
