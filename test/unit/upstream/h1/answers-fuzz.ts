// Answers for the comparison with llhttp: made whole from parts that servers send and that attackers try, then spoilt in places.
import fc from 'fast-check';

const sometimes = <T>(usual: fc.Arbitrary<T>, odd: fc.Arbitrary<T>, oneIn = 12): fc.Arbitrary<T> => fc.oneof({ weight: oneIn - 1, arbitrary: usual }, { weight: 1, arbitrary: odd });
const latin1 = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));
const raw = (maxLength: number): fc.Arbitrary<string> => fc.array(latin1, { maxLength }).map((bytes) => bytes.join(''));
const anyCase = (word: string): fc.Arbitrary<string> => fc.mixedCase(fc.constant(word));

const lineEnd = sometimes(fc.constant('\r\n'), fc.constantFrom('\n', '\r', '\r\r\n', '\n\r', '\r\n\r\n', ' \r\n', ''), 60);
const version = sometimes(fc.constant('HTTP/1.1'), fc.constantFrom('HTTP/1.0', 'HTTP/1.2', 'HTTP/2.0', 'HTTP/0.9', 'HTTP/11', 'HTTP/1.1 ', 'http/1.1', 'RTSP/1.0', 'ICE/1.0', 'HTTP/1,1'), 20);
const status = sometimes(fc.constantFrom('200', '202', '400', '404', '500'), fc.oneof(fc.constantFrom('204', '304', '205', '100', '101', '103', '199', '999', '600', '099', '20', '2000', '+20', '0x0', '20a'), fc.integer({ min: 0, max: 1200 }).map(String)), 6);
const reason = sometimes(fc.constantFrom(' OK', ' ', '', ' Not Found'), fc.oneof(raw(8).map((text) => ` ${text}`), fc.constantFrom('\tOK', '  OK', 'OK')), 20);

const token = fc.string({ unit: fc.constantFrom(...'!#$%&\'*+-.^_`|~0aZz'), minLength: 1, maxLength: 8 });
const blank = sometimes(fc.constant(' '), fc.constantFrom('', '  ', '\t', ' \t ', '\r\n ', '\x0b', '\0'), 12);
const decimal = (length: number): fc.Arbitrary<string> => sometimes(fc.constant(String(length)), fc.oneof(
  fc.constantFrom(String(length + 1), String(Math.max(0, length - 1)), `0${length}`, `+${length}`, `-${length}`, `${length},${length}`, `${length} ${length}`, `0x${length.toString(16)}`, `${length}\t`, `${length}.0`, '', '18446744073709551616', '9007199254740993', '999999999999999'),
  raw(3),
), 10);
const coding = sometimes(anyCase('chunked'), fc.constantFrom('gzip', 'gzip, chunked', 'chunked, gzip', 'chunked, chunked', 'identity', 'chunked;x', ' chunked', 'chunked ', 'chunked\t', '\tchunked', 'xchunked', 'chunkedx', 'chun ked', '', ',chunked', 'chunked,'), 10);
const plainLine = fc.tuple(
  sometimes(fc.oneof(token, fc.constantFrom('Content-Type', 'Date', 'Mcp-Session-Id', 'Set-Cookie', 'X', '__proto__', 'constructor', 'Upgrade', 'Trailer', 'Proxy-Connection')), fc.oneof(raw(4), fc.constantFrom('', 'A B', 'X ', ' X', 'Content-Length ', 'Content_Length', 'Transfer-Encoding\0', 'X\x7f')), 20),
  sometimes(fc.constant(':'), fc.constantFrom(' :', '', '::', ': :', '\t:', ';'), 30), blank,
  fc.oneof(fc.constantFrom('application/json', 'a, b', '1', '', 'x y'), sometimes(raw(0), raw(6), 4)), blank,
).map((parts) => parts.join(''));
const connectionLine = fc.tuple(anyCase('connection'), blank, fc.constantFrom('close', 'keep-alive', 'Upgrade', 'close, keep-alive', 'x')).map(([name, gap, value]) => `${name}:${gap}${value}`);
const framing = (length: number): fc.Arbitrary<string> => fc.tuple(anyCase('content-length'), blank, decimal(length)).map(([name, gap, value]) => `${name}:${gap}${value}`);
const chunking = fc.tuple(anyCase('transfer-encoding'), blank, coding).map(([name, gap, value]) => `${name}:${gap}${value}`);

const hex = (length: number): fc.Arbitrary<string> => sometimes(fc.constantFrom(length.toString(16), length.toString(16).toUpperCase(), `00${length.toString(16)}`), fc.oneof(fc.constantFrom((length + 1).toString(16), `${length.toString(16)} `, ` ${length.toString(16)}`, `+${length.toString(16)}`, `0x${length.toString(16)}`, `${length.toString(16)};a=b`, `${length.toString(16)};`, `${length.toString(16)};a="\r\n"`, '-1', '', 'ffffffffffffffff', '100000000', `${length.toString(16)}\t`), raw(3)), 25);
const chunk = raw(12).chain((data) => fc.tuple(hex(data.length), lineEnd, fc.constant(data), lineEnd)).map((parts) => parts.join(''));
const trailer = sometimes(fc.constant(''), fc.array(fc.tuple(plainLine, lineEnd).map((parts) => parts.join('')), { minLength: 1, maxLength: 2 }).map((lines) => lines.join('')), 6);
const chunks = fc.tuple(fc.array(chunk, { maxLength: 3 }), sometimes(fc.constantFrom('0', '000'), fc.constantFrom('', '0;x', '-0', '0 '), 30), lineEnd, trailer, lineEnd).map(([all, ...rest]) => all.join('') + rest.join(''));

const head = (lines: readonly string[]): fc.Arbitrary<string> => fc.tuple(version, status, reason, fc.array(lineEnd, { minLength: lines.length + 2, maxLength: lines.length + 2 }))
  .map(([first, code, words, ends]) => `${first} ${code}${words}${ends[0] ?? ''}${lines.map((line, n) => line + (ends[n + 1] ?? '')).join('')}${ends.at(-1) ?? ''}`);
const others = fc.array(sometimes(plainLine, connectionLine, 5), { maxLength: 4 });
const mixed = (special: fc.Arbitrary<string>): fc.Arbitrary<string[]> => fc.tuple(others, sometimes(special.map((line) => [line]), fc.oneof(fc.tuple(special, special), fc.tuple(special, framing(5)), fc.tuple(special, chunking)), 20), fc.nat(4)).map(([lines, chosen, at]) => [...lines.slice(0, at), ...chosen, ...lines.slice(at)]);

const withLength = raw(20).chain((body) => mixed(framing(body.length)).chain((lines) => head(lines)).map((text) => text + body));
const withChunks = fc.tuple(mixed(chunking).chain((lines) => head(lines)), chunks).map((parts) => parts.join(''));
const untilClose = fc.tuple(others.chain((lines) => head(lines)), raw(20)).map((parts) => parts.join(''));
const interim = fc.constantFrom('', '', '', '', 'HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n', 'HTTP/1.1 100\r\n\r\nHTTP/1.1 102 P\r\n\r\n', 'HTTP/1.1 100 C\r\nContent-Length: 1\r\n\r\n', '\r\n', '\n');
const answer = fc.tuple(interim, fc.oneof(withLength, withLength, withChunks, withChunks, untilClose)).map((parts) => parts.join(''));

const PIECES = ['\r\n', '\r', '\n', '\0', ' ', '\t', ':', ';', ',', '0', '5', 'Content-Length: 5\r\n', 'Transfer-Encoding: chunked\r\n', '0\r\n\r\n', '\r\n\r\n', 'HTTP/1.1 200 OK\r\n', '\x7f', '\x80', '\xff'];
const edit = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), remove: fc.integer({ min: 0, max: 4 }), insert: fc.oneof(fc.constant(''), fc.constantFrom(...PIECES), latin1) });

/** One answer, in Latin-1; most are well-formed, or nearly. */
export const answers: fc.Arbitrary<string> = fc.tuple(answer, sometimes(fc.array(edit, { maxLength: 0 }), fc.array(edit, { minLength: 1, maxLength: 3 }), 3)).map(([whole, edits]) => edits.reduce((text, { at, remove, insert }) => {
  const from = Math.floor(at * text.length);
  return text.slice(0, from) + insert + text.slice(from + remove);
}, whole));

/** Well-formed ones that leave their connection usable. */
export const followed: fc.Arbitrary<string> = fc.oneof(
  raw(20).map((body) => `HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: ${body.length}\r\n\r\n${body}`),
  fc.array(raw(12).filter((data) => data !== ''), { maxLength: 3 }).map((all) => `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${all.map((data) => `${data.length.toString(16)}\r\n${data}\r\n`).join('')}0\r\n\r\n`),
  fc.constantFrom('HTTP/1.1 204 No Content\r\nX: y\r\n\r\n', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n', 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'),
);
