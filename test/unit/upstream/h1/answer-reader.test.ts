// The answer parser: which shapes are answers, which are refused, that cuts change nothing, and that llhttp reads whatever it accepts the same way.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KnownHeads } from '../../../../src/upstream/h1/answer-reader.js';
import { HEAD_BYTES_MAX, KEEP_ALIVE_MS, readAnswer, readByLlhttp, type Outcome } from './answers.js';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const read = (text: string): Outcome => readAnswer([bytes(text)]);
const ok = (lines: string, body = ''): string => `HTTP/1.1 200 OK\r\n${lines}\r\n${body}`;

/** name, text, body */
const GOOD: readonly (readonly [string, string, string])[] = [
  ['a length', ok('Content-Type: application/json\r\nContent-Length: 5\r\n', 'hello'), 'hello'],
  ['length nothing', ok('Content-Length: 0\r\n'), ''],
  ['blanks around values', ok('Content-Length: \t 5 \r\nX:\r\nY: \r\nZ: \tz\t \r\n', 'hello'), 'hello'],
  ['chunks', ok('Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n'), 'hello!'],
  ['chunks in capitals, sizes in hex with zeros', ok('transfer-encoding: Chunked\r\n', '00A\r\n0123456789\r\na\r\n0123456789\r\n0000\r\n\r\n'), '01234567890123456789'],
  ['trailers', ok('Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\n'), 'hello'],
  ['neither: until the server closes', ok('Content-Type: text/event-stream\r\n', 'data: 1\n\ndata: 2\n\n'), 'data: 1\n\ndata: 2\n\n'],
  ['interim answers first', `HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n${ok('Content-Length: 2\r\n', 'hi')}`, 'hi'],
  ['no content', 'HTTP/1.1 204 No Content\r\nX: y\r\n\r\n', ''],
  ['not modified, with the length of what it stands for', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n', ''],
  ['no reason', 'HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\nx', 'x'],
  ['no reason and no blank', 'HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx', 'x'],
  ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\nx', 'x'],
  ['a name of JavaScript\'s own', ok('constructor: a\r\nconstructor: b\r\n__proto__: c\r\nContent-Length: 1\r\n', 'x'), 'x'],
  ['Latin-1 and tabs in a value', ok('X: \xe4\t\xff\r\nContent-Length: 1\r\n', 'x'), 'x'],
  ['a body that looks like an answer', ok('Content-Length: 38\r\n', ok('Content-Length: 0\r\n')), ok('Content-Length: 0\r\n')],
];

const BROKEN: readonly (readonly [string, string])[] = [
  ['chunked and a length', ok('Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', '5\r\nhello\r\n0\r\n\r\n')],
  ['a length and chunked', ok('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', 'hello')],
  ['two lengths that differ', ok('Content-Length: 5\r\nContent-Length: 6\r\n', 'hello!')],
  ['two lengths that agree', ok('Content-Length: 5\r\ncontent-length: 5\r\n', 'hello')],
  ...['+5', '-5', '5\t', '0x5', '5, 5', '5 5', '5a', '', '5.0', '1e1', '9999999999999999', '٥'].map((value) => [`the length '${value}'`, Buffer.from(ok(`Content-Length: ${value}\r\n`, 'hello')).toString('latin1')] as const),
  ...['gzip', 'gzip, chunked', 'chunked, chunked', 'identity', 'xchunked', 'chunked;q=1', '"chunked"', '', 'chunked,'].map((value) => [`the coding '${value}'`, ok(`Transfer-Encoding: ${value}\r\n`, '5\r\nhello\r\n0\r\n\r\n')] as const),
  ['two codings', ok('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n')],
  ['a coding in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['a folded line', ok('X: a\r\n b\r\nContent-Length: 0\r\n')],
  ['a folded first line', ok(' X: a\r\nContent-Length: 0\r\n')],
  ['a line that ends in LF', ok('X: a\nContent-Length: 0\r\n')],
  ['a line that ends in CR', ok('X: a\rContent-Length: 0\r\n')],
  ['a head that ends in LF LF', 'HTTP/1.1 200 OK\nContent-Length: 5\n\nhello'],
  ['a status line that ends in LF', 'HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n'],
  ['NUL in a value', ok('X: a\0b\r\nContent-Length: 0\r\n')],
  ['NUL in a name', ok('X\0: a\r\nContent-Length: 0\r\n')],
  ['a control character in a value', ok('X: a\x01b\r\nContent-Length: 0\r\n')],
  ['DEL in a value', ok('X: a\x7fb\r\nContent-Length: 0\r\n')],
  ['NUL in the reason', 'HTTP/1.1 200 O\0K\r\nContent-Length: 0\r\n\r\n'],
  ['a blank before the colon', ok('Content-Length : 5\r\n', 'hello')],
  ['a tab before the colon', ok('Content-Length\t: 5\r\n', 'hello')],
  ['a tab behind a length', ok('Content-Length: 5\t\r\n', 'hello')],
  ['a tab and a blank behind a length', ok('Content-Length: 5\t \r\n', 'hello')],
  ['no colon', ok('Content-Length 5\r\n', 'hello')],
  ['no name', ok(': 5\r\nContent-Length: 0\r\n')],
  ['a name that is no token', ok('Content(Length): 5\r\n', 'hello')],
  ...['HTTP/2.0 200 OK', 'HTTP/1.2 200 OK', 'HTTP/1.10 200 OK', 'HTTP/0.9 200 OK', 'http/1.1 200 OK', 'HTTP/1.1  200 OK', 'HTTP/1.1\t200 OK', ' HTTP/1.1 200 OK', 'HTTP/1.1 99 OK', 'HTTP/1.1 099 OK', 'HTTP/1.1 1000 OK', 'HTTP/1.1 600 OK', 'HTTP/1.1 2e2 OK', 'HTTP/1.1 20 OK', 'HTTP/1.1 200OK', 'HTTP/1.1', 'ICY 200 OK', 'SSH-2.0-OpenSSH']
    .map((line) => [`the line '${line}'`, `${line}\r\nContent-Length: 0\r\n\r\n`] as const),
  ['an empty line before the answer', `\r\n${ok('Content-Length: 0\r\n')}`],
  ['101', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'],
  ['an interim answer with a length', `HTTP/1.1 103 E\r\nContent-Length: 5\r\n\r\nhello${ok('Content-Length: 0\r\n')}`],
  ['an interim answer with a coding', `HTTP/1.1 103 E\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${ok('Content-Length: 0\r\n')}`],
  ['interim answers without end', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(17)],
  ['204 with a length', 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello'],
  ['204 with a coding', 'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['a head that is too large', ok(`X: ${'y'.repeat(HEAD_BYTES_MAX)}\r\nContent-Length: 0\r\n`)],
  ['a head that never ends', `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(HEAD_BYTES_MAX)}`],
  ['two content types', ok('Content-Type: a/b\r\nContent-Type: a/b\r\nContent-Length: 0\r\n')],
  ['two session ids', ok('Mcp-Session-Id: a\r\nmcp-session-id: b\r\nContent-Length: 0\r\n')],
  ['an encoding', ok('Content-Encoding: gzip\r\nContent-Length: 5\r\n', 'hello')],
  ...['5;ext=1\r\nhello', '5 \r\nhello', ' 5\r\nhello', '+5\r\nhello', '0x5\r\nhello', '-5\r\nhello', '\r\n', 'g\r\n', '5\nhello', '5\rhello', '5\r\nhello5\r\n', '5\r\nhello\n', '5\r\nhello\r5', '100000000\r\n', '000000005\r\nhello', 'FFFFFFFFFFFFFFFFF\r\n', '0\r\nX : 1\r\n\r\n', '0\r\n folded\r\n\r\n', '0\r\nX: 1\n\r\n', '0\r\nX: \0\r\n\r\n', `0\r\nX: ${'y'.repeat(9000)}\r\n\r\n`]
    .map((body) => [`the chunks ${JSON.stringify(body.slice(0, 24))}`, ok('Transfer-Encoding: chunked\r\n', `${body}\r\n0\r\n\r\n`)] as const),
];

describe('an answer', () => {
  it.each(GOOD)('with %s is read', (_name, text, body) => {
    expect(read(text)).toMatchObject({ end: 'whole', body });
  });

  it.each(BROKEN)('with %s is refused', (_name, text) => {
    expect(read(text).end).toBe('broken');
  });

  it.each([
    ['a length that is not reached', ok('Content-Length: 5\r\n', 'hell')], ['chunks that do not end', ok('Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n')],
    ['no last line', ok('Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n0\r\n')], ['half a head', 'HTTP/1.1 200 OK\r\nContent-Le'], ['an interim answer alone', 'HTTP/1.1 100 Continue\r\n\r\n'],
  ])('with %s is not whole', (_name, text) => {
    expect(read(text).end).toBe('cut');
  });

  it('of the same bytes is the same, however they are cut', () => {
    for (const [name, text] of [...GOOD, ...BROKEN]) {
      const whole = bytes(text);
      const { reusableMs: _told, ...expected } = readAnswer([whole]);
      const step = Math.max(1, Math.floor(whole.length / 400)); // all places but for the very large ones
      for (let at = 1; at < whole.length; at += step) {
        expect(readAnswer([whole.subarray(0, at), whole.subarray(at)]), `${name}, cut at ${at}`).toMatchObject(expected);
      }
      expect(readAnswer(Array.from(whole, (byte) => Buffer.of(byte))), `${name}, byte by byte`).toMatchObject(expected);
    }
  });

  it('that is repeated is read again, and one that differs in a byte is not taken for it', () => {
    const heads = new KnownHeads(KEEP_ALIVE_MS);
    const one = ok('X: 1\r\nContent-Length: 5\r\n', 'hello');
    for (const text of [one, one, one.replace('X: 1', 'X: 2'), one, one.replace('Length: 5', 'Length: 4'), one.replace('200', '500')]) {
      expect(readAnswer([bytes(text)], heads)).toEqual(read(text));
    }
    expect(readAnswer([bytes(one.slice(0, 20))], heads).end).toBe('cut');
  });

  it.each([
    ['', KEEP_ALIVE_MS], ['Connection: close\r\n', 0], ['Connection: keep-alive, CLOSE\r\n', 0], ['Connection: x-close\r\n', KEEP_ALIVE_MS], ['Connection: keep-alive\r\nConnection: close\r\n', 0],
    ['Keep-Alive: timeout=5\r\n', KEEP_ALIVE_MS], ['Keep-Alive: timeout=2, max=100\r\n', 1000], ['Keep-Alive: timeout=1\r\n', 0], ['Keep-Alive: timeout=900\r\n', KEEP_ALIVE_MS],
  ])('with the lines %j leaves its connection for %d ms', (lines, reusableMs) => {
    expect(read(ok(`${lines}Content-Length: 0\r\n`)).reusableMs).toBe(reusableMs);
  });

  it('that is HTTP/1.0, or that bytes follow, leaves no connection', () => {
    expect(read('HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n').reusableMs).toBe(0);
    for (const [, text] of GOOD.filter(([name]) => !name.startsWith('neither'))) expect(read(`${text}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`)).toMatchObject({ ...read(text), reusableMs: 0 });
  });
});

describe('what is accepted', () => {
  const TOKENS = ['\r\n', '\r', '\n', '\0', ' ', '\t', ':', ';', ',', '0', '5', 'a', 'A', 'HTTP/1.1 200 OK\r\n', 'Content-Length: 5\r\n', 'Content-Length: 0\r\n', 'Transfer-Encoding: chunked\r\n', 'Connection: close\r\n', 'X: y\r\n', '5\r\nhello\r\n', '0\r\n\r\n', '\x7f', '\xe4', 'hello'];
  const edit = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), remove: fc.integer({ min: 0, max: 4 }), insert: fc.oneof(fc.constant(''), fc.constantFrom(...TOKENS), fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code))) });
  const seeds = fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...GOOD.map(([, text]) => text)) }, fc.constantFrom(...BROKEN.map(([, text]) => text).filter((text) => text.length < 1000)), fc.array(fc.constantFrom(...TOKENS), { maxLength: 12 }).map((parts) => `HTTP/1.1 200 OK\r\n${parts.join('')}`));
  const answers = fc.tuple(seeds, fc.array(edit, { maxLength: 3 })).map(([seed, edits]) => edits.reduce((text, { at, remove, insert }) => {
    const from = Math.floor(at * text.length);
    return text.slice(0, from) + insert + text.slice(from + remove);
  }, seed));

  it('llhttp accepts too, with the same status, headers and body', () => {
    let accepted = 0;
    fc.assert(fc.property(answers, (text) => {
      const own = read(text);
      if (own.end !== 'whole') return;
      accepted += 1;
      const { status, headers, body } = own;
      expect({ status, headers, body }).toEqual(readByLlhttp(bytes(text)));
    }), { numRuns: 20_000 });
    expect(accepted).toBeGreaterThan(1000);
  });

  it('does not depend on where the bytes are cut', () => {
    fc.assert(fc.property(answers, fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 }), (text, cuts) => {
      const whole = bytes(text);
      const places = [0, ...cuts.map((cut) => Math.floor(cut * whole.length)).sort((a, b) => a - b), whole.length];
      const pieces = places.slice(1).map((to, n) => whole.subarray(places[n], to));
      const { reusableMs: _told, ...expected } = read(text);
      expect(readAnswer(pieces)).toMatchObject(expected);
    }), { numRuns: 5000 });
  });
});
