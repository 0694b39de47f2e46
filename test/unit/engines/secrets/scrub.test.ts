// Scrubbing: a tool that echoes a secret in any encoding gives the agent nothing, and valid JSON stays valid.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createScrubber } from '../../../../src/engines/secrets/scrub.js';
import { createReadText } from '../../../../src/response/03-scrub-secrets.js';

const SECRET = 'p@ss/w+rd é"\\\n7';
const readText = createReadText();
const scrubber = (...values: string[]) => createScrubber(values, readText);

function scrub(text: string, ...values: string[]): string {
  return Buffer.from(scrubber(...(values.length === 0 ? [SECRET] : values)).scrub(Buffer.from(text)).bytes).toString();
}

const percentAll = (text: string): string => [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
const escapeAll = (text: string): string => [...Array(text.length).keys()].map((at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`).join('');

describe('createScrubber', () => {
  it.each<[string, (secret: string) => string]>([
    ['plain', (s) => s],
    ['JSON', (s) => JSON.stringify(s).slice(1, -1)],
    ['JSON with every character escaped', escapeAll],
    ['JSON with upper-case escapes', (s) => escapeAll(s).replace(/[0-9a-f]{4}/g, (digits) => digits.toUpperCase())],
    ['JSON in JSON', (s) => JSON.stringify(JSON.stringify(s)).slice(1, -1)],
    ['base64', (s) => Buffer.from(s).toString('base64')],
    ['base64 after one byte', (s) => Buffer.from(`u${s}`).toString('base64')],
    ['base64 after two bytes', (s) => Buffer.from(`u:${s}`).toString('base64')],
    ['base64 within more', (s) => Buffer.from(`user:${s}:more`).toString('base64')],
    ['base64url', (s) => Buffer.from(`xy${s}z`).toString('base64url')],
    ['base64 with escaped slashes', (s) => Buffer.from(s).toString('base64').replaceAll('/', '\\/')],
    ['base64 in lines', (s) => (Buffer.from(`${s}${s}`).toString('base64').match(/.{1,8}/g) ?? []).join('\\r\\n')],
    ['hex', (s) => Buffer.from(s).toString('hex')],
    ['upper-case hex', (s) => Buffer.from(s).toString('hex').toUpperCase()],
    ['encodeURIComponent', encodeURIComponent],
    ['every byte percent-encoded', percentAll],
    ['upper-case percent-encoding', (s) => percentAll(s).toUpperCase()],
    ['a form field', (s) => new URLSearchParams({ k: s }).toString().slice(2)],
    ['percent-encoded in escaped JSON', (s) => escapeAll(encodeURIComponent(s))],
  ])('finds it as %s', (_name, encode) => {
    const encoded = encode(SECRET);
    const out = scrub(`{"text":"before ${encoded} after"}`);
    expect(out).toContain('[secret]');
    expect(out).not.toContain(encoded);
    expect(out.startsWith('{"text":"before ')).toBe(true);
    expect(out.endsWith(' after"}')).toBe(true);
  });

  const PEM = '-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----\n';
  it.each<[string, string, string]>([
    ['without its last line end', 'swordfish-77\n', 'swordfish-77'], ['without blanks around it', ' swordfish-77\t', 'swordfish-77'],
    ['with the line ends of another system', PEM, PEM.replaceAll('\n', '\r\n')], ['with fewer of them', 'one-two\r\nthree-four', 'one-two\nthree-four'], ['in one line', PEM, PEM.replaceAll('\n', '')],
  ])('finds it %s', (_name, secret, said) => {
    for (const text of [said, Buffer.from(`u:${said}`).toString('base64'), encodeURIComponent(said)]) {
      const out = scrub(`{"text":${JSON.stringify(`before:${text}:after`)}}`, secret);
      expect(out).toMatch(/^\{"text":"before:(?:dT)?\[secret\](?:0K|=|\\r|\\n|%0[AD])*:after"\}$/); // a line end after it is no part of it
    }
  });

  it('replaces every occurrence and every value, and says how many', () => {
    const result = scrubber('alpha', 'beta').scrub(Buffer.from('alpha beta alpha gamma'));
    expect(Buffer.from(result.bytes).toString()).toBe('[secret] [secret] [secret] gamma');
    expect(result.count).toBe(3);
  });

  it('gives back the same bytes when there is nothing to find', () => {
    const bytes = Buffer.from('{"text":"nothing \\u0041 %41"}');
    expect(scrubber('secret-value').scrub(bytes).bytes).toBe(bytes);
    expect(scrubber().scrub(bytes).bytes).toBe(bytes);
    expect(scrubber().isIn(bytes)).toBe(false);
    expect(scrubber('').scrub(bytes).count).toBe(0);
  });

  it('leaves no half escape behind', () => {
    for (const [text, secret] of [['{"a":"x\\nabcd"}', 'nabcd'], ['{"a":"\\u0041abcd"}', '41abcd'], ['{"a":"\\\\nabcd"}', 'nabcd'], ['{"a":"\\nQUJDREVG\\n"}', 'ABCDEF']] as const) {
      const out = scrub(text, secret);
      expect(() => JSON.parse(out) as unknown).not.toThrow();
      expect(out).not.toContain(secret.slice(-4));
    }
  });

  it('joins secrets that overlap', () => {
    expect(scrub('abcabcab', 'abcab', 'bcabc')).toBe('[secret]');
    expect(scrub('xabcdefx', 'abcd', 'cdef')).toBe('x[secret]x');
  });

  it('keeps any JSON valid, and free of the secret, wherever and however it stands in it', () => {
    const secret = fc.string({ minLength: 4, maxLength: 12, unit: 'grapheme' }).filter((text) => !/["\\]/.test(text) && !/\p{Surrogate}/u.test(text) && !'[secret]'.includes(text));
    const encodings: ((text: string) => string)[] = [(s) => s, (s) => Buffer.from(s).toString('base64'), (s) => Buffer.from(s).toString('hex'), encodeURIComponent];
    fc.assert(fc.property(secret, fc.string({ maxLength: 6 }), fc.string({ maxLength: 6 }), fc.nat(3), fc.boolean(), (value, before, after, which, escaped) => {
      const encoded = encodings[which]?.(value) ?? value;
      const inner = `${before}\n${encoded}\n${after}`;
      const json = escaped ? `{"a":"${escapeAll(inner)}"}` : JSON.stringify({ a: inner });
      const out = scrub(json, value);
      const parsed = JSON.parse(out) as { a: string };
      expect(parsed.a).toContain('[secret]');
      if (!before.includes(value) && !after.includes(value)) expect(parsed.a.replaceAll('[secret]', '').includes(encoded)).toBe(false);
    }), { numRuns: 500 });
  });
});
