// What the decoder makes of escapes is the text they stand for, byte for byte.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { hidesEscapes, percentDecodeText, resolveReferences, unescapeText } from '../../../../src/engines/dlp/transforms.js';

const escaped = (text: string): string => text.split('').map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');
const anyText = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 });
const read = (text: string): string => Buffer.from(unescapeText(Buffer.from(text))?.bytes ?? []).toString('hex');

it.each(['\u007f', '\u0080', 'é', '\u07ff', '\u0800', 'Ａ', '\uffff', '\u{10000}', '😀', '\u{10ffff}'])('reads the escapes of %j', (text) => {
  expect(read(escaped(text))).toBe(Buffer.from(text).toString('hex'));
});

it('reads any text, in escapes, as it is, or mixed', () => {
  fc.assert(fc.property(anyText, anyText.map((text) => text.replaceAll('\\', '/')), (first, second) => {
    expect(read(escaped(first) + second + escaped(first))).toBe(Buffer.from(first + second + first).toString('hex'));
  }));
});

it('reads a lone surrogate as the replacement character', () => {
  expect(read('\\ud800x')).toBe(Buffer.from('\ufffdx').toString('hex'));
});

it.each([
  ['\\u{41}', 'A'], ['\\u{1F600}', '😀'], ['\\u{00000041}', 'A'], ['\\u{110000}', '\ufffd'], ['\\U0001f600', '😀'], ['\\101\\040', 'A '],
  ['\\u{}', '\\u{}'], ['\\u{41', '\\u{41'], ['\\u{4g}', '\\u{4g}'], ['\\u{000000041}', '\\u{000000041}'], ['\\U0041', '\\U0041'], ['\\1', '\\1'], ['\\202', '\\202'], ['\\180', '\\180'], ['\\010', '\\010'],
])('reads %j as %j', (text, expected) => {
  expect(read(text)).toBe(Buffer.from(expected).toString('hex'));
  expect(hidesEscapes(Buffer.from(text))).toBe(text !== expected);
});

it.each([['%u0041', 'A'], ['%U0041', 'A'], ['%ud83d%ude00', '😀'], ['%ud83dx', '\ufffdx'], ['%u004', undefined], ['100%u', undefined]])('percent-decodes %j to %j', (text, expected) => {
  const decoded = percentDecodeText(Buffer.from(text));
  expect(decoded === undefined ? undefined : Buffer.from(decoded.bytes).toString('utf8')).toBe(expected);
});

it.each([
  ['&lowbar;&commat;&num;&dollar;&percnt;', '_@#$%'], ['&ast;&plus;&comma;&period;&sol;', '*+,./'], ['&colon;&semi;&equals;&quest;', ':;=?'], ['&lsqb;&bsol;&rsqb;&lcub;&rcub;', '[\\]{}'], ['&amp;&lt;&gt;&quot;&apos;', '&<>"\''],
  ['a&nbsp;b&shy;c', 'a\u00a0b\u00adc'], ['&zwnj;&zwj;&ZeroWidthSpace;', '\u200c\u200d\u200b'], ['&hyphen;&dash;', '\u2010\u2010'],
  ['&lowbar', undefined], ['&LowBar;', undefined], ['&eacute;', undefined], ['&;', undefined], ['?a=1&num=2&sol=3;', undefined], ['a && b;', undefined], ['&constructor;', undefined], [`&${'a'.repeat(99)};`, undefined],
])('resolves the references in %j to %j', (text, expected) => {
  const resolved = resolveReferences(Buffer.from(text));
  expect(resolved === undefined ? undefined : Buffer.from(resolved.bytes).toString()).toBe(expected);
});
