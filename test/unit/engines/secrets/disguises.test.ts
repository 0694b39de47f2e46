// A secret echoed in any encoding the DLP decoder reads, once or one in another, is cut out; what only resembles one stays.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createScrubber } from '../../../../src/engines/secrets/scrub.js';
import { createReadText } from '../../../../src/response/03-scrub-secrets.js';

const readText = createReadText();
const PEM = `-----BEGIN KEY-----\n${'MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n'.repeat(3)}-----END KEY-----\n`;
const SECRETS = ['swordfish+Sword/fish~77 x', `ghp_${'aB3dE6gH9'.repeat(4)}`, 'p@ss/w+rd naïve%41 \\u0041\\n7', 'Ünïcödé-Ключ-鍵', 'k7Q_', '4-8!9', 'hunter2x', 'C:\\new\\table\tand more', 'R&D<"us">\'em', PEM];

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const hex = (text: string): string => Buffer.from(text).toString('hex');
const mixedHex = (text: string): string => hex(text).replace(/[a-f]/g, (digit, at: number) => (at % 4 < 2 ? digit.toUpperCase() : digit));
const grouped = (text: string, divider: string): string => hex(text).replace(/..(?=.)/g, `$&${divider}`);
const quoted = (text: string): string => JSON.stringify(text).slice(1, -1);
const escaped = (text: string): string => Array.from({ length: text.length }, (_, at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`).join('');
const percent = (text: string): string => [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
const fullWidth = (text: string): string => text.replace(/[!-~]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) + 0xfee0)).replaceAll(' ', '\u3000');
const bold = (text: string): string => text.replace(/[A-Z]/g, (letter) => String.fromCodePoint(letter.charCodeAt(0) - 0x41 + 0x1d400)).replace(/[a-z]/g, (letter) => String.fromCodePoint(letter.charCodeAt(0) - 0x61 + 0x1d41a));
const between = (text: string, filler: string): string => [...text].join(filler);
const printedBytes = (text: string): string => hex(text).replace(/../g, '\\x$&');
const printedCharacters = (text: string): string => [...text].map((letter) => ((letter.codePointAt(0) ?? 0) > 0xff ? letter : `\\x${letter.charCodeAt(0).toString(16).padStart(2, '0')}`)).join('');
const html = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll('\'', '&#39;').replaceAll('+', '&#x2B;').replaceAll('/', '&#47;');
const wrapped = (text: string): string => text.replace(/.{20}/g, '$&\r\n');

/** From a secret to the text that a tool answers. */
const TEXTS: readonly (readonly [string, (secret: string) => string])[] = [
  ['itself', (s) => s],
  ['fullwidth letters', fullWidth],
  ['mathematical bold', bold],
  ['zero-width spaces between', (s) => between(s, '\u200b')],
  ['soft hyphens between', (s) => between(s, '\u00ad')],
  ['word joiners between', (s) => between(s, '\u2060')],
  ['combining accents', (s) => between(s, '\u0301')],
  ['fullwidth letters with zero-width spaces', (s) => between(fullWidth(s), '\u200b')],
  ['hex', hex],
  ['mixed-case hex', mixedHex],
  ['hex behind 0x', (s) => `0x${mixedHex(s)}`],
  ['hex between blanks', (s) => grouped(s, ' ')],
  ['hex between colons', (s) => grouped(s, ':')],
  ['bytes of a program', (s) => `0x${grouped(s, ', 0x')}`],
  ['hex in lines', (s) => wrapped(hex(s))],
  ['base64 of hex between blanks', (s) => base64(grouped(s, ' '))],
  ['printed bytes', printedBytes],
  ['printed characters', printedCharacters],
  ['base64', base64],
  ['base64url', (s) => Buffer.from(s).toString('base64url')],
  ['base64 of base64', (s) => base64(base64(s))],
  ['base64 of base64 of base64', (s) => base64(base64(base64(s)))],
  ['base64 of more than the secret, twice', (s) => base64(`x ${base64(`user:${s}:more`)} y`)],
  ['base64 of wrapped base64', (s) => base64(wrapped(base64(`the value is ${s}, and no other`)))],
  ['hex of base64', (s) => hex(base64(s))],
  ['base64 of hex', (s) => base64(hex(s))],
  ['base64 of mixed-case hex', (s) => base64(mixedHex(s))],
  ['hex of hex', (s) => hex(hex(s))],
  ['base64 of fullwidth letters', (s) => base64(fullWidth(s))],
  ['base64 in fullwidth letters', (s) => fullWidth(base64(s))],
  ['base64 with zero-width spaces', (s) => between(base64(s), '\u200b')],
  ['base64 of escapes', (s) => base64(escaped(s))],
  ['base64 of percent-encoding', (s) => base64(percent(s))],
  ['percent-encoding', percent],
  ['percent-encoding twice', (s) => percent(percent(s))],
  ['percent-encoding twice, of the percents alone', (s) => percent(s).replaceAll('%', '%25')],
  ['percent-encoding three times', (s) => percent(s).replaceAll('%', '%2525')],
  ['percent-encoding of fullwidth letters', (s) => encodeURIComponent(fullWidth(s))],
  ['percent-encoding of base64', (s) => percent(base64(s))],
  ['HTML', html],
  ['HTML names between', (s) => between(html(s), '').replace(/[A-Za-z0-9](?![a-z0-9]*;)/g, '$&&zwj;')],
  ['HTML in HTML', (s) => html(html(s))],
  ['HTML references in decimal', (s) => [...s].map((letter) => `&#${letter.codePointAt(0) ?? 0};`).join('')],
  ['HTML references in hex, without semicolons', (s) => [...s].map((letter) => `&#x${(letter.codePointAt(0) ?? 0).toString(16).padStart(8, '0')}`).join('')],
  ['base64 of HTML', (s) => base64(html(s))],
  ['JSON', (s) => JSON.stringify({ inner: s })],
  ['JSON in JSON', (s) => JSON.stringify({ inner: JSON.stringify({ inner: s }) })],
  ['JSON in JSON in JSON', (s) => JSON.stringify({ inner: JSON.stringify({ inner: JSON.stringify({ inner: s }) }) })],
  ['JSON with every character escaped', (s) => `{"inner":"${escaped(s)}"}`],
  ['JSON with escaped fullwidth letters', (s) => `{"inner":"${escaped(fullWidth(s))}"}`],
  ['JSON with escaped zero-width spaces', (s) => `{"inner":"${[...s].map(quoted).join('\\u200b')}"}`],
  ['escapes three deep', (s) => quoted(quoted(escaped(s)))],
];
/** From that text to what stands between the quotes of the answer. */
const WRITINGS: readonly (readonly [string, (text: string) => string])[] = [['as it is', quoted], ['escaped', escaped]];
const CASES = TEXTS.flatMap(([name, write]) => WRITINGS.map(([writing, spell]) => [name, writing, (secret: string) => spell(write(secret))] as const));

function scrubbed(message: string, ...secrets: string[]): string {
  return Buffer.from(createScrubber(secrets, readText).scrub(Buffer.from(message)).bytes).toString();
}

describe.each(SECRETS)('the secret %j', (secret) => {
  it.each(CASES)('as %s, %s, is cut out alone', (_name, _writing, write) => {
    const text = write(secret);
    const out = scrubbed(`{"id":1,"text":"you said ${text} to me","other":"kept é 100%"}`, secret);
    expect(out).not.toContain(text);
    const answer = JSON.parse(out) as { text: string; other: string };
    expect(answer.text).toMatch(/^you said .*\[secret\].* to me$/s);
    expect(answer.other).toBe('kept é 100%');
    expect(scrubbed(out, secret)).toBe(out);
  });

  it('is cut out of a key, and wherever else it stands in a string', () => {
    for (const write of [fullWidth, (text: string) => base64(base64(text)), (text: string) => percent(percent(text))]) {
      const out = scrubbed(JSON.stringify({ [write(secret)]: [1, write(secret), { deep: `${write(secret)}` }] }), secret);
      expect(out).toBe('{"[secret]":[1,"[secret]",{"deep":"[secret]"}]}'.replaceAll('[secret]', write === fullWidth || !write(secret).endsWith('=') ? '[secret]' : `[secret]${/=+$/.exec(write(secret))?.[0] ?? ''}`));
    }
  });

  it('is found in framing', () => {
    const scrubber = createScrubber([secret], readText);
    for (const text of [secret, fullWidth(secret), base64(base64(secret)), hex(secret), percent(percent(secret))]) expect(scrubber.isIn(Buffer.from(`: ${text}\ndata: \n\n`))).toBe(true);
    expect(scrubber.isIn(Buffer.from(': hello %41 é\nid: 7\ndata: \n\n'))).toBe(false);
  });
});

describe('disguises', () => {
  it.each(CASES)('as %s, %s, of a text that only begins like the secret: it stays', (_name, _writing, write) => {
    const secret = 'swordfish+Sword/fish~77 x';
    for (const near of [secret.slice(0, -1), secret.toUpperCase(), `${secret.slice(0, -1)}A`]) {
      const bytes = Buffer.from(`{"text":"you said ${write(near)} to me"}`);
      expect(createScrubber([secret], readText).scrub(bytes).bytes).toBe(bytes);
    }
  });

  it('are not seen in any JSON without the secret, nor in random bytes in base64', () => {
    const scrubber = createScrubber(SECRETS.filter((secret) => secret.length > 8), readText);
    const blob = fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes).toString('base64'));
    const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), blob, fc.lorem(), fc.webUrl({ withQueryParameters: true }), fc.string({ maxLength: 30 }).map((inner) => JSON.stringify({ inner })));
    fc.assert(fc.property(fc.array(text, { maxLength: 8 }), fc.jsonValue({ maxDepth: 3, stringUnit: 'binary' }), (texts, value) => {
      const bytes = Buffer.from(JSON.stringify({ texts, value }));
      expect(scrubber.scrub(bytes)).toEqual({ bytes, count: 0 });
    }), { numRuns: 500 });
  });

  it('leave the rest of a long text as it is', () => {
    const around = 'Grüße aus Köln, 100% "quoted" \n'.repeat(20);
    const text = (inner: string): string => JSON.stringify({ text: `${around}${inner}${around}` });
    expect(scrubbed(text(fullWidth('hunter2-hunter2')), 'hunter2-hunter2')).toBe(text('[secret]'));
    expect(scrubbed(text(`(${hex(base64('hunter2-hunter2'))})`), 'hunter2-hunter2')).toBe(text('([secret])'));
  });

  it('take the whole string with them where to find their places would take too long', () => {
    const text = `${'é '.repeat(40_000)}${`${fullWidth('hunter2')} `.repeat(100)}`;
    expect(scrubbed(JSON.stringify({ text, other: 'é' }), 'hunter2')).toBe('{"text":"[secret]","other":"é"}');
  });

  it('are refused where the message takes more than its allowance to read', () => {
    expect(() => scrubbed(JSON.stringify({ text: `%${'25'.repeat(40)}41` }), 'hunter2')).toThrow();
    expect(() => scrubbed(JSON.stringify({ text: '\ufdfa'.repeat(60_000) }), 'hunter2')).toThrow();
  });

  it('are refused where they stand in no string', () => {
    expect(() => scrubbed(`{"number":${hex(hex('secret12'))}}`, 'secret12')).toThrow();
  });

  it('are found whichever of many secrets it is', () => {
    const secrets = Array.from({ length: 256 }, (_, n) => `secret-number-${String(n).padStart(3, '0')}-${hex(`s${n}`)}`);
    const scrubber = createScrubber(secrets, readText);
    for (const secret of secrets) expect(Buffer.from(scrubber.scrub(Buffer.from(JSON.stringify({ a: secret, b: fullWidth(secret), c: base64(base64(secret)).replace(/=+$/, '') }))).bytes).toString()).toBe('{"a":"[secret]","b":"[secret]","c":"[secret]"}');
  });
});
