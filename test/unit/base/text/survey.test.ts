// The survey of a text: a sign it does not see must not be there.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadSurvey, SIGN } from '../../../../src/base/text/survey.js';
import { decodeRuns } from '../../../../src/engines/dlp/encoded-runs.js';
import { foldText } from '../../../../src/engines/dlp/fold.js';
import { percentDecodeText, resolveReferences, unescapeText } from '../../../../src/engines/dlp/transforms.js';

const survey = loadSurvey();
const everything = loadSurvey('/nonexistent/text_survey.node');
const SECRET = 'AKIAIOSFODNN7EXAMPLE and more';

const GROUPS = Buffer.from(SECRET).toString('hex').replace(/../g, '$& ');

/** Pieces that begin, end, join or hide runs of encoded text. */
const piece = fc.oneof(
  fc.constantFrom(
    '\n', '\r\n', '\r', ' ', '=', '.', '"', '/', '-', '_', '\\', '%', '%41', '&', '&#', '&#65;', '&#x41', '&amp;', '&lt;', '&quot;', '&apos', '&lowbar;', '&ZeroWidthSpace;', '&Tab;', 'zwj;', 'é', 'modelcontextprotocol/protocolVersion', 'a-long-name-of-some-field',
    Buffer.from(SECRET).toString('base64'), Buffer.from(SECRET).toString('base64url'), Buffer.from(SECRET).toString('hex'), Buffer.from('Grüße aus Köln, €').toString('base64'),
    GROUPS, GROUPS.slice(0, 26), GROUPS.replaceAll(' ', ':'), GROUPS.replaceAll(' ', ', 0x'), Buffer.from(SECRET, 'utf16le').toString('hex').replace(/..../g, '$& '), 'ab ', '34, ', '0x', 'x', ':',
    Buffer.from(SECRET, 'utf16le').toString('base64'), Buffer.from(`x${SECRET}`, 'utf16le').subarray(1).toString('base64url'),
  ),
  fc.string({ maxLength: 20 }),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('base64')),
  fc.array(fc.constantFrom(0, 0, 0x41, 0x62, 0x20, 0xff), { maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString('base64')),
);
const text = fc.array(piece, { maxLength: 12 }).map((parts) => Buffer.from(parts.join('')));

describe('the survey', () => {
  it('promises only what every reading keeps', () => {
    let quiet = 0;
    fc.assert(fc.property(text, (bytes) => {
      const signs = survey(bytes);
      if (signs === 0) quiet++;
      if ((signs & SIGN.backslash) === 0) expect(unescapeText(bytes)).toBeUndefined();
      if ((signs & SIGN.percent) === 0) expect(percentDecodeText(bytes)).toBeUndefined();
      if ((signs & SIGN.beyondAscii) === 0) expect(foldText(bytes)).toBeUndefined();
      if ((signs & SIGN.reference) === 0) expect(resolveReferences(bytes)).toBeUndefined();
      if ((signs & SIGN.encodedRun) === 0) expect(decodeRuns(bytes)).toBeUndefined();
    }), { numRuns: 20_000 });
    if (survey(Buffer.from('plain')) === 0) expect(quiet).toBeGreaterThan(100); // else this proved nothing
  });

  it('takes no run for another that it has seen to say nothing', () => {
    const silent = 'modelcontextprotocol/protocolVersion/x';
    const secret = Buffer.from(SECRET).toString('base64url').slice(0, silent.length - 16);
    const lookalike = `${silent.slice(0, 8)}${secret}${silent.slice(-8)}`; // as long, with the same ends
    for (let round = 0; round < 3; round++) {
      expect([0, 31]).toContain(survey(Buffer.from(`"${silent}"`)));
      expect(survey(Buffer.from(`"${lookalike}"`)) & SIGN.encodedRun).toBe(SIGN.encodedRun);
      expect(survey(Buffer.from(`"${silent}" "${lookalike}"`)) & SIGN.encodedRun).toBe(SIGN.encodedRun);
    }
  });

  it('asked for any sign at all, says so of the same texts', () => {
    fc.assert(fc.property(text, (bytes) => {
      expect(survey(bytes, true) === 0).toBe(survey(bytes) === 0);
      const far = Buffer.concat([Buffer.alloc(40_000, '. '), bytes]);
      expect(survey(far, true) === 0).toBe(survey(far) === 0);
    }), { numRuns: 2000 });
  });

  // It looks piece by piece.
  it('sees every sign wherever in a long text it is', () => {
    const signs: readonly (readonly [string, number])[] = [['\\', SIGN.backslash], ['%', SIGN.percent], ['é', SIGN.beyondAscii], ['&#6', SIGN.reference], ['&gt;', SIGN.reference], ['&zwj;', SIGN.reference], [GROUPS.slice(0, 29), SIGN.encodedRun], [Buffer.from(SECRET).toString('base64url'), SIGN.encodedRun]];
    for (const piece of [16 * 1024, 32 * 1024]) {
      for (let before = piece - 50; before < piece + 5; before++) {
        for (const [sign, expected] of signs) {
          const at = Buffer.from(`${'. '.repeat(before).slice(0, before)}${sign}`);
          expect(survey(at) & expected, `${sign} at ${before}`).toBe(expected);
          expect(survey(Buffer.concat([at, Buffer.from(' .'.repeat(piece))])) & expected, `${sign} at ${before} of more`).toBe(expected);
        }
      }
    }
  });

  it('has no doubt about plain text and the names that MCP messages are full of', () => {
    const plain = Buffer.from('{"jsonrpc":"2.0","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"},"arguments":{"text":"The quick brown fox"}}}');
    expect([0, 31]).toContain(survey(plain));
    expect(everything(plain)).toBe(31);
    expect(survey(new Uint8Array(0)) & ~31).toBe(0);
  });
});
