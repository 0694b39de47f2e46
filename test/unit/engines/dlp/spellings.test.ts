// A key in letters that only look like its own, each written in every way a message can carry it: found by both engines, on the way out and on the way back.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadJsonGuard } from '../../../../src/base/json/choose.js';
import { buildMatcher } from '../../../../src/base/matcher/choose.js';
import { createMessageReader } from '../../../../src/base/workers/message-reader.js';
import { toPatterns } from '../../../../src/engines/dlp/scanner.js';
import { scrubFor } from '../../../../src/response/03-scrub-secrets.js';
import { createResponseFirewall } from '../../../../src/response/index.js';
import { scanJson, shippedRules, shippedScanner } from './shipped-rules.js';

const ADDON = fileURLToPath(new URL('../../../../native/build/hyperscan.node', import.meta.url));
const KEY = 'AKIA'.concat('ABCDEFGHIJKLMNOP');
const guard = loadJsonGuard();

const shifted = (text: string, by: number): string => [...text].map((letter) => String.fromCodePoint(letter.charCodeAt(0) + by)).join('');
const escaped = (text: string): string => Array.from({ length: text.length }, (_, at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`).join('');
/** One code point after another. */
const written = (text: string, write: (point: number) => string): string => [...text].map((letter) => write(letter.codePointAt(0) ?? 0)).join('');
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const quoted = (text: string): string => JSON.stringify(text).slice(1, -1);

const SPELLINGS: readonly (readonly [string, string])[] = [
  ['its own letters', KEY],
  ['fullwidth letters', shifted(KEY, 0xfee0)],
  ['Cyrillic look-alikes', KEY.replaceAll('A', 'А').replaceAll('B', 'В').replaceAll('O', 'О')],
  ['mathematical bold', shifted(KEY, 0x1d400 - 0x41)],
  ['zero-width spaces between', [...KEY].join('\u200b')],
  ['combining accents', [...KEY].join('\u0301')],
  ['tag characters', shifted(` ${KEY} `, 0xe0000)],
  ['its own letters after an accented one and a face', `é😀 ${KEY}`],
];
/** From a text to what stands between the quotes of a JSON string. */
const WAYS: readonly (readonly [string, (text: string) => string])[] = [
  ['raw', quoted],
  ['escaped', escaped],
  ['raw in a JSON string in JSON', (text) => quoted(JSON.stringify({ inner: text }))],
  ['escaped in a JSON string in JSON', (text) => quoted(`{"inner":"${escaped(text)}"}`)],
  ['escaped in JSON that is escaped', (text) => escaped(`{"inner":"${escaped(text)}"}`)],
  ['base64', (text) => base64(`the key is ${text} and no other`)],
  ['hex between blanks, of JSON with escapes', (text) => Buffer.from(`{"inner":"${escaped(text)}"}`).toString('hex').replace(/../g, '$& ')],
  ['base64 of JSON with escapes', (text) => base64(`{"inner":"${escaped(text)}"}`)],
  ['percent-encoded', (text) => encodeURIComponent(text)],
  ['in escapes with braces', (text) => quoted(written(text, (point) => `\\u{${point.toString(16)}}`))],
  ['in escapes of eight digits', (text) => quoted(written(text, (point) => `\\U${point.toString(16).padStart(8, '0')}`))],
  ['in octal where it is ASCII', (text) => quoted(written(text, (point) => (point < 0x7f ? `\\${point.toString(8).padStart(3, '0')}` : String.fromCodePoint(point))))],
  ['percent-encoded by UTF-16 units', (text) => escaped(text).replaceAll('\\u', '%u')],
  ['percent-encoded and escaped', (text) => escaped(encodeURIComponent(text))],
];
const CASES = SPELLINGS.flatMap(([spelling, text]) => WAYS.map(([way, write]) => [spelling, way, write(text)] as const));

describe.each(['hyperscan', 're2'] as const)('%s', (engine) => {
  describe.skipIf(engine === 'hyperscan' && !existsSync(ADDON))('finds a key', () => {
    const matcher = buildMatcher(toPatterns(shippedRules), { engine: existsSync(ADDON) ? engine : 're2' });
    const scanner = shippedScanner({ matcher });
    const firewall = createResponseFirewall(shippedScanner({ matcher, actions: { credentials: 'redact', injection: 'flag', pii: 'flag' } }), guard, { depthMax: 64, keysMax: 1000 }, scrubFor([], createMessageReader(undefined), 0));

    it.each(CASES)('in %s, %s: in a request and in an answer', async (_spelling, _way, text) => {
      const request = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"text":"${text}"}}}`;
      expect(scanJson(scanner, request)).toContainEqual(expect.objectContaining({ rule: 'aws-access-key-id', action: 'block', path: '$.params.arguments.text' }));
      const screened = await firewall.screen(Buffer.from(`{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"${text}"}]}}`));
      const released = screened.kind === 'release' ? Buffer.from(screened.bytes).toString() : '';
      expect(screened.findings.map((finding) => finding.rule)).toContain('aws-access-key-id');
      expect(released).not.toContain(text);
      if (screened.kind === 'release') expect(scanJson(scanner, released).filter((finding) => finding.rule === 'aws-access-key-id')).toEqual([]);
    });
  });
});
