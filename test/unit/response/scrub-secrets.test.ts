// A tool that echoes its secret, in encodings within encodings or in letters that only look like it, gives the agent nothing.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scrubFor } from '../../../src/response/03-scrub-secrets.js';

const SECRET = 'sk-Live+9f_Zq7';
const message = (inner: string): string => `{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"before ${inner} after"}]}}`;
const scrub = (json: string, ...values: string[]): string => Buffer.from(scrubFor(values.length === 0 ? [SECRET] : values)(Buffer.from(json))).toString();

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const hex = (text: string): string => Buffer.from(text).toString('hex');
const mixedHex = (text: string): string => [...hex(text)].map((digit, at) => (at % 2 === 0 ? digit.toUpperCase() : digit)).join('');
const escaped = (text: string): string => text.split('').map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');
const jsonText = (text: string): string => JSON.stringify(text).slice(1, -1);
const fullWidth = (text: string): string => [...text].map((letter) => String.fromCharCode(letter.charCodeAt(0) + 0xfee0)).join('');

const ECHOES: readonly (readonly [string, string])[] = [
  ['full-width letters', fullWidth(SECRET)], ['escaped full-width letters', escaped(fullWidth(SECRET))], ['zero-width characters', [...SECRET].join('\u200b')], ['escaped zero-width characters', [...SECRET].join('\\u200b')],
  ['soft hyphens', [...SECRET].join('\u00ad')], ['escaped soft hyphens', [...SECRET].join('\\u00ad')], ['mixed-case hex', mixedHex(SECRET)], ['\\x escapes', [...SECRET].map((letter) => `\\\\x${hex(letter)}`).join('')],
  ['base64 of base64', base64(base64(`x ${SECRET} y`))], ['hex of base64', hex(base64(SECRET))], ['base64 of hex', base64(hex(SECRET))], ['JSON in JSON in JSON', jsonText(jsonText(escaped(SECRET)))],
  ['percent-encoding twice', encodeURIComponent([...SECRET].map((letter) => `%${hex(letter)}`).join(''))], ['base64 of full-width letters', base64(fullWidth(SECRET))], ['plain', SECRET],
];

describe('an echoed secret', () => {
  it.each(ECHOES)('in %s is cut out, and JSON is left', (_how, echo) => {
    const out = scrub(message(echo));
    const { text } = (JSON.parse(out) as { result: { content: { text: string }[] } }).result.content[0] ?? { text: '' };
    expect(text).toMatch(/^before .*\[secret\].* after$/);
    expect(out).not.toContain(echo);
    expect(scrub(out)).toBe(out);
  });

  it('in a key, or beside another, is cut out too', () => {
    const out = scrub(`{"${fullWidth(SECRET)}":["${base64(base64(SECRET))}","${base64(base64('other-secret'))}"]}`, SECRET, 'other-secret');
    expect(out.replaceAll('=', '')).toBe('{"[secret]":["[secret]","[secret]"]}'); // padding says nothing
  });

  it('leaves every other text as it came', () => {
    for (const text of ['nothing', base64('harmless words of a tool'), 'caf\u00e9 \\u00e9 %41%42', fullWidth('harmless')]) {
      const bytes = Buffer.from(message(text));
      expect(scrubFor([SECRET])(bytes)).toBe(bytes);
    }
    const bytes = Buffer.from(message(SECRET));
    expect(scrubFor([])(bytes)).toBe(bytes);
  });

  it('keeps any JSON valid, wherever it stands', () => {
    const echo = fc.constantFrom(...ECHOES.map(([, text]) => text));
    fc.assert(fc.property(echo, fc.jsonValue({ maxDepth: 3 }), fc.string({ maxLength: 12 }).map(jsonText), (found, value, around) => {
      const out = scrub(`{"a":${JSON.stringify(value)},"b":"${around} ${found} ${around}"}`);
      expect((JSON.parse(out) as { b: string }).b).toContain('[secret]');
    }), { numRuns: 300 });
  });
});
