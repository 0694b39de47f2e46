// Two readers, two messages: whatever is ambiguous about where a request ends must not hide a second request from the layers. The shapes are those of the usual catalogues:
// what each is answered with, whether it reaches a tool, and that the bytes behind it are never taken for a request of their own but where they are one.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sseBytes, startExactServer, type ExactServer } from '../support/exact-server.js';
import { CALLER, permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { converse, converseInTurn, headerOf, readMessages } from '../support/raw-http.js';
import { call, registration, toolText } from '../wire/calls.js';

const INNER = call('hidden', { marker: 'smuggled' });
const HIDDEN = `POST / HTTP/1.1\r\nHost: localhost\r\nX-SPIFFE-ID: ${CALLER}\r\nContent-Type: application/json\r\nContent-Length: ${INNER.length}\r\n\r\n${INNER}`;
const OUTER = call('echo', { text: 'x' });
const HUGE = 10 * 1024 * 1024 + 1;

let server: ExactServer;
let gateway: GatewayProcess;

beforeAll(async () => {
  server = await startExactServer(['echo', 'hidden'].map(toolText));
  gateway = await startGateway({
    policies: { 'all.rego': permitAll() }, tools: ['echo', 'hidden'].map((name) => registration(name, server.url)),
    // One thread: what lies behind a request on its connection is looked at before any later connection.
    config: { front: { body_timeout_s: 1, shed_after_ms: 0 }, audit: { unidentified_per_second: 10_000 }, rate_limit: { per_minute: 1_000_000, burst: 1_000_000 }, threads: { gateway: 1 } },
  });
});

afterAll(async () => {
  await gateway.stop();
  await server.close();
});

const LENGTH = `Content-Length: ${OUTER.length}`;
const CHUNKED = 'Transfer-Encoding: chunked';
const HOST = 'Host: localhost';
const LINES = ['Content-Type: application/json', `X-SPIFFE-ID: ${CALLER}`];
const hex = OUTER.length.toString(16);
const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
const LAST = '0\r\n\r\n';
/** What uWebSockets.js answers to what is no HTTP/1.1 to it. */
const NO_HTTP = 505;

function post(lines: readonly string[], body: string, start = 'POST / HTTP/1.1'): string {
  return `${start}\r\n${[HOST, ...LINES, ...lines].join('\r\n')}\r\n\r\n${body}`;
}

/**
 * Sent alone, it is answered with `status` (0 = not at all: it is taken for a head that is not finished), and `served` says whether the tool is reached. With a request behind it, that one is never
 * reached by a refused one; behind a served one it is an ordinary request.
 */
interface Shape {
  readonly how: string;
  readonly bytes: string;
  readonly status: number;
  readonly served: boolean;
  /** The message is whole before the fault comes: in pieces it may be served, and then the connection ends. */
  readonly late?: boolean;
  /** Nothing is taken from its connection after it. */
  readonly last: boolean;
}

const refused = (how: string, bytes: string, status = 400): Shape => ({ how, bytes, status, served: false, last: true });
const served = (how: string, bytes: string, last = false): Shape => ({ how, bytes, status: 200, served: true, last });
const noBody = (how: string, bytes: string, status: number): Shape => ({ how, bytes, status, served: false, last: false });
const length = (how: string, line: string): Shape => refused(how, post([line], OUTER));
const coded = (how: string, line: string): Shape => refused(how, post([line], chunk(OUTER) + LAST));
const chunks = (how: string, body: string, status = 400): Shape => refused(how, post([CHUNKED], body), status);
const chunked = (how: string, body: string): Shape => served(how, post([CHUNKED], body), true);

const LENGTHS: readonly Shape[] = [
  served('plain', post([LENGTH], OUTER)), served('with leading zeros', post([`Content-Length: 000${OUTER.length}`], OUTER)), served('with blanks around', post([`Content-Length:  \t ${OUTER.length} \t `], OUTER)), served('in capitals', post([LENGTH.toUpperCase()], OUTER)),
  length('twice, different', `${LENGTH}\r\nContent-Length: 0`), length('twice, 0 first', `Content-Length: 0\r\n${LENGTH}`), length('twice, the same', `${LENGTH}\r\n${LENGTH}`), length('as a list', `${LENGTH}, ${OUTER.length}`), length('as a list of one', `${LENGTH},`),
  length('signed', `Content-Length: +${OUTER.length}`), length('negative', 'Content-Length: -1'), length('in hex', `Content-Length: 0x${hex}`), length('with a fraction', `${LENGTH}.0`), length('with an exponent', 'Content-Length: 1e2'), length('with a blank within', `${LENGTH} 0`),
  length('quoted', `Content-Length: "${OUTER.length}"`), length('with a parameter', `${LENGTH};x`), length('with underscores', `Content-Length: ${String(OUTER.length).split('').join('_')}`), length('empty', 'Content-Length:'), length('in Arabic digits', 'Content-Length: \xd9\xa5'),
  length('beyond 2^64', 'Content-Length: 18446744073709551617'), length('of thirty digits', `Content-Length: ${'9'.repeat(30)}`), length('folded', `Content-Length:\r\n ${OUTER.length}`), length('behind a blank before the colon', `Content-Length : ${OUTER.length}`), length('behind a tab before the colon', `Content-Length\t: ${OUTER.length}`),
  length('behind a blank at the line\'s begin', `X-A: b\r\n ${LENGTH}`), refused('behind a bare carriage return', post([`X-A: b\r${LENGTH}`], OUTER), 0), length('behind a bare line feed', `X-A: b\n${LENGTH}`), length('behind a vertical tab', `Content-Length: \x0b${OUTER.length}`), length('before a NUL', `${LENGTH}\0`),
  length('in a name with a NUL', `Content-Length\0: ${OUTER.length}`), refused('missing', post([], OUTER)), refused('of a huge body that does not come', post([`Content-Length: ${HUGE}`], ''), 413),
];

const CODINGS: readonly Shape[] = [
  chunked('chunked', chunk(OUTER) + LAST), served('in capitals', post(['TRANSFER-ENCODING: CHUNKED'], chunk(OUTER) + LAST), true), served('with blanks around', post(['Transfer-Encoding: \t chunked \t '], chunk(OUTER) + LAST), true),
  served('under another name: it is another header', post(['Transfer_Encoding: chunked', 'Content-Encoding: chunked', LENGTH], OUTER)),
  refused('beside a length', post([LENGTH, CHUNKED], LAST)), refused('before a length', post([CHUNKED, LENGTH], LAST)), refused('beside a length of 0', post([CHUNKED, 'Content-Length: 0'], chunk(OUTER) + LAST)), coded('twice in a line', 'Transfer-Encoding: chunked, chunked'),
  coded('twice', `${CHUNKED}\r\n${CHUNKED}`), coded('and identity', `${CHUNKED}\r\nTransfer-Encoding: identity`), coded('behind identity', `Transfer-Encoding: identity\r\n${CHUNKED}`), coded('and identity in a line', 'Transfer-Encoding: chunked, identity'), coded('behind gzip', 'Transfer-Encoding: gzip, chunked'),
  coded('unknown', 'Transfer-Encoding: xchunked'), coded('cut short', 'Transfer-Encoding: chunke'), coded('quoted', 'Transfer-Encoding: "chunked"'), coded('with a parameter', 'Transfer-Encoding: chunked;q=1'), coded('with a comma', 'Transfer-Encoding: chunked,'), coded('behind a comma', 'Transfer-Encoding: ,chunked'),
  coded('empty', 'Transfer-Encoding:'), coded('with a vertical tab', 'Transfer-Encoding: \x0bchunked'), coded('with a NUL', 'Transfer-Encoding: chunked\0'), coded('folded', 'Transfer-Encoding:\r\n chunked'), coded('folded behind another', 'X-A: b\r\n\tTransfer-Encoding: chunked'),
  coded('behind a blank before the colon', 'Transfer-Encoding : chunked'), coded('behind a bare line feed', 'X-A: b\nTransfer-Encoding: chunked'), refused('behind a bare carriage return', post(['X-A: b\rTransfer-Encoding: chunked'], chunk(OUTER) + LAST), 0), coded('in a name with a NUL', 'Transfer-Encoding\0: chunked'),
  coded('behind a line without a colon', `Foo\r\n${CHUNKED}`), coded('behind an empty name', `: x\r\n${CHUNKED}`), refused('identity, with a length', post(['Transfer-Encoding: identity', LENGTH], OUTER)), refused('unknown, with a length', post(['Transfer-Encoding: x', LENGTH], OUTER)),
  refused('in HTTP/1.0', post([CHUNKED], chunk(OUTER) + LAST, 'POST / HTTP/1.0'), NO_HTTP),
  // uWebSockets.js takes bytes beyond ASCII off the end of a value; a proxy that does not would not call this chunked.
  served('with a high byte behind it', post(['Transfer-Encoding: chunked\xa0'], chunk(OUTER) + LAST), true),
];

const CHUNKS: readonly Shape[] = [
  chunked('in two', chunk(OUTER.slice(0, 9)) + chunk(OUTER.slice(9)) + LAST), chunked('with sizes in capitals', `${hex.toUpperCase()}\r\n${OUTER}\r\n${LAST}`), chunked('with leading zeros', `00${hex}\r\n${OUTER}\r\n${LAST}`), chunked('with three zeros for the last', `${chunk(OUTER)}000\r\n\r\n`),
  chunks('with a size beyond 2^64', `10000000000000000${hex}\r\n${OUTER}\r\n${LAST}`), chunks('with a size of all ones', `ffffffffffffffff\r\n${OUTER}\r\n${LAST}`), chunks('with a signed size', `+${chunk(OUTER)}${LAST}`), chunks('with a negative size', `-1\r\n${OUTER}\r\n${LAST}`), chunks('with 0x before the size', `0x${chunk(OUTER)}${LAST}`),
  chunks('with no size', `\r\n${OUTER}\r\n${LAST}`), chunks('with a size that is no number', `g\r\n${OUTER}\r\n${LAST}`), { ...chunks('with a blank before the size', ` ${chunk(OUTER)}${LAST}`), late: true }, // the library reads it where the blank comes alone
  chunks('longer than said', `2\r\n${OUTER}\r\n${LAST}`), chunked('shorter than said, by a line end', `${(OUTER.length + 2).toString(16)}\r\n${OUTER}\r\n${LAST}`),
  // Read as uWebSockets.js reads them; what a stricter or looser reader before it takes for the end matters to nothing, as nothing behind is served.
  chunked('with a blank behind the size', `${hex} \r\n${OUTER}\r\n${LAST}`), chunked('with a line feed behind the size', `${hex}\n${OUTER}\r\n${LAST}`), chunked('with other bytes behind the data', `${hex}\r\n${OUTER}XX${LAST}`),
  chunked('with a line feed and the next size behind the data', `${hex}\r\n${OUTER}\n${LAST}`), chunked('with one line end behind the last', `${chunk(OUTER)}0\r\n`),
  chunks('with an extension', `${hex};a=b\r\n${OUTER}\r\n${LAST}`, 503), chunks('with an extension on the last', `${chunk(OUTER)}0;a=b\r\n\r\n`, 503), chunks('with a size beyond 2^32', `1000000${hex.padStart(2, '0')}\r\n${OUTER}\r\n${LAST}`, 503), chunks('without the last', chunk(OUTER), 503),
  { ...chunks('with a trailer', `${chunk(OUTER)}0\r\nX-Trailer: 1\r\n\r\n`, NO_HTTP), late: true }, { ...chunks('with a trailer that is a header of ours', `${chunk(OUTER)}0\r\nX-SPIFFE-ID: spiffe://poc.local/x\r\nContent-Length: 5\r\n\r\n`, NO_HTTP), late: true },
  { ...chunks('with a trailer that looks like a request', `${chunk(OUTER)}0\r\nX:${HIDDEN}`, 0), late: true },
];

const LINES_AND_TARGETS: readonly Shape[] = [
  refused('line feeds alone', post([LENGTH], OUTER).replaceAll('\r\n', '\n'), NO_HTTP), refused('a line feed behind the request line', post([LENGTH], OUTER).replace('HTTP/1.1\r\n', 'HTTP/1.1\n'), NO_HTTP), refused('a NUL in a value', post(['X-A: \0', LENGTH], OUTER)), refused('a control character in a value', post(['X-A: \x01', LENGTH], OUTER)),
  refused('a high byte in a name', post(['X-\xe9: 1', LENGTH], OUTER)), refused('a blank in a name', post(['X A: 1', LENGTH], OUTER)), refused('an empty line before the request', `\r\n${post([LENGTH], OUTER)}`, 0), refused('two blanks in the request line', post([LENGTH], OUTER, 'POST  / HTTP/1.1'), NO_HTTP),
  refused('a tab in the request line', post([LENGTH], OUTER, 'POST\t/ HTTP/1.1'), NO_HTTP), refused('a blank behind the version', post([LENGTH], OUTER, 'POST / HTTP/1.1 '), NO_HTTP), served('a method in small letters, which uWebSockets.js does not tell apart', post([LENGTH], OUTER, 'post / HTTP/1.1')), refused('HTTP/1.0', post([LENGTH], OUTER, 'POST / HTTP/1.0'), NO_HTTP),
  refused('HTTP/1.2', post([LENGTH], OUTER, 'POST / HTTP/1.2'), NO_HTTP), refused('the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', NO_HTTP), refused('the absolute form', post([LENGTH], OUTER, 'POST http://localhost/ HTTP/1.1'), NO_HTTP), refused('the authority form', post([LENGTH], OUTER, 'CONNECT localhost:80 HTTP/1.1'), NO_HTTP),
  refused('the asterisk form', post([LENGTH], OUTER, 'OPTIONS * HTTP/1.1'), NO_HTTP), refused('two hosts', post([HOST, LENGTH], OUTER)), refused('no host', post([LENGTH], OUTER).replace(`${HOST}\r\n`, '')), noBody('two content types', post(['Content-Type: application/json', LENGTH], OUTER), 400), refused('a target with a fragment', post([LENGTH], OUTER, 'POST /#x HTTP/1.1'), 404),
  served('a target and a header that look like one another', post([LENGTH], OUTER, 'POST /?a HTTP/1.1\r\nX: HTTP/1.1')),
];

const within = (start: string): string => `${start} HTTP/1.1\r\n${HOST}\r\nContent-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`;
const METHODS: readonly Shape[] = [
  noBody('a GET', within('GET /'), 405), ...['GET /', 'DELETE /', 'OPTIONS /', 'HEAD /mcp', 'GET /health', 'GET /nowhere', 'PUT /'].map((start) => refused(`${start} in chunks`, `${start} HTTP/1.1\r\n${HOST}\r\n${CHUNKED}\r\n\r\n${chunk(HIDDEN)}${LAST}`)), noBody('a DELETE', within('DELETE /'), 405), noBody('a HEAD', within('HEAD /'), 405), noBody('an OPTIONS', within('OPTIONS /'), 204), refused('a POST to an unknown path', within('POST /nowhere'), 404),
  noBody('a probe', within('GET /health'), 200), refused('a POST to a foreign host', within('POST /').replace(HOST, 'Host: evil.example'), 403), noBody('a POST', post([`Content-Length: ${HIDDEN.length}`], HIDDEN), 400), noBody('a POST behind its message', post([`Content-Length: ${OUTER.length + HIDDEN.length}`], OUTER + HIDDEN), 400),
  refused('a POST that is longer than what comes', post([`Content-Length: ${OUTER.length + HIDDEN.length + 1}`], OUTER + HIDDEN), 503),
];

const EXPECTATIONS: readonly Shape[] = [
  served('an Upgrade to h2c', post(['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__', LENGTH], OUTER)), served('an Upgrade to a WebSocket', post(['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', LENGTH], OUTER)),
  served('Expect: 100-continue', post(['Expect: 100-continue', LENGTH], OUTER)), served('another expectation', post(['Expect: 200-ok', LENGTH], OUTER)), served('Connection: close', post(['Connection: close', LENGTH], OUTER), true),
];

const CUTS: readonly (readonly [string, (bytes: Buffer) => Buffer[]])[] = [['at once', (bytes) => [bytes]], ['byte by byte', (bytes) => Array.from(bytes, (byte) => Buffer.of(byte))]];

interface Heard {
  readonly statuses: number[];
  readonly closed: boolean;
}

function statusesIn(bytes: Buffer, toHead: boolean, ended: boolean): number[] {
  return readMessages(bytes, { toHead, ended }).messages.map(({ startLine }) => Number(startLine.split(' ')[1])).filter((status) => status >= 200);
}

/** Until `expected` answers came, or the connection ended: of what waits for the end of a head that never comes, by this side. */
async function hear(pieces: readonly Buffer[], expected: number, endsBehind: boolean): Promise<Heard> {
  const toHead = pieces[0]?.toString('latin1').startsWith('H') ?? false;
  const { bytes, closed } = await converse(gateway.port, pieces, (got) => statusesIn(got, toHead, false).length >= expected, endsBehind);
  return { statuses: statusesIn(bytes, toHead, closed), closed };
}

interface Reached {
  readonly echo: number;
  readonly hidden: number;
}

/** What of it the tools saw, each time with its own record, and exactly as it was sent. */
async function reached(run: () => Promise<void>): Promise<Reached> {
  const [seenBefore, linesBefore] = [server.seen.length, gateway.lines('request').length];
  await run();
  // One more request, behind which nothing of those before can still be waiting.
  expect((await gateway.post(OUTER, { 'x-spiffe-id': CALLER })).status).toBe(200);
  // Over the session that all of them share the gateway gives each an id of its own.
  const seen = server.seen.slice(seenBefore, -1).map(({ body }) => body.toString().trimEnd().replace(/"id":\d+/, '"id":1'));
  expect(seen.filter((body) => body !== OUTER && body !== INNER)).toEqual([]);
  const allowed = gateway.lines('request').slice(linesBefore, -1).filter(({ decision }) => decision === 'ALLOW').map(({ tool }) => tool);
  const counts = { echo: seen.filter((body) => body === OUTER).length, hidden: seen.filter((body) => body === INNER).length };
  expect(counts.echo).toBeLessThanOrEqual(allowed.filter((tool) => tool === 'echo').length);
  expect(counts.hidden).toBe(allowed.filter((tool) => tool === 'hidden').length);
  return counts;
}

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

describe.each([['a length', LENGTHS], ['a transfer coding', CODINGS], ['chunks', CHUNKS], ['a message with', LINES_AND_TARGETS], ['a request in the body of', METHODS], ['a message that asks for', EXPECTATIONS]] as const)('%s', (_group, shapes) => {
  it.each(shapes.map((shape) => [shape.how, shape] as const))('%s', async (_how, { bytes, status, served: isServed, last, late = false }) => {
    let alone: Heard = { statuses: [], closed: false };
    const once = await reached(async () => { alone = await hear([latin1(bytes)], 1, status === 0); });
    expect({ statuses: alone.statuses, ...once }).toEqual({ statuses: status === 0 ? [] : [status], echo: isServed ? 1 : 0, hidden: 0 });
    for (const [cut, pieces] of CUTS) {
      let followed: Heard = { statuses: [], closed: false };
      const both = await reached(async () => { followed = await hear(pieces(latin1(bytes + HIDDEN)), 2, status === 0); });
      // What comes before the first answer ends the connection: uWebSockets.js serves one request at a time.
      if (last || !isServed) expect({ cut, hidden: both.hidden, closed: followed.closed || followed.statuses.length === 2 }).toEqual({ cut, hidden: last ? 0 : both.hidden, closed: true });
      // What lies behind may make another fault of it.
      expect(followed.statuses.slice(0, 1).filter((one) => one !== status && (isServed || one < 400) && !late), cut).toEqual([]);
      expect(both.echo, cut).toBeLessThanOrEqual(isServed || late ? 1 : 0);
      if (both.hidden > 0) expect({ cut, last, hidden: both.hidden, statuses: followed.statuses }).toEqual({ cut, last: false, hidden: 1, statuses: [status, 200] });
    }
  });
});

describe('a request that properly follows', () => {
  it.each([...LENGTHS, ...LINES_AND_TARGETS, ...METHODS, ...EXPECTATIONS].filter(({ last }) => !last).map((shape) => [shape.how, shape] as const))('one with "%s" is served like any other, when that was answered', async (_how, { bytes, status, served: isServed }) => {
    const statuses: number[] = [];
    const counts = await reached(async () => {
      const toHead = bytes.startsWith('HEAD');
      const { bytes: got } = await converseInTurn(gateway.port, [latin1(bytes), latin1(HIDDEN)], (all, n) => statusesIn(all, toHead && n === 0, false).length > 0);
      statuses.push(...got.flatMap((part, n) => statusesIn(part, toHead && n === 0, false)));
    });
    expect({ statuses, ...counts }).toEqual({ statuses: [status, 200], echo: isServed ? 1 : 0, hidden: 1 });
  });

  it('a chunked one is not served: nothing behind chunks is taken for a request', async () => {
    const counts = await reached(async () => {
      const { closed, bytes } = await converseInTurn(gateway.port, [latin1(post([CHUNKED], chunk(OUTER) + LAST)), latin1(HIDDEN)], (all) => statusesIn(all, false, false).length > 0);
      expect({ closed, statuses: bytes.flatMap((part) => statusesIn(part, false, true)) }).toEqual({ closed: true, statuses: [200] });
    });
    expect(counts).toEqual({ echo: 1, hidden: 0 });
  });
});

describe('a stream of events', () => {
  it('for a chunked request is well-formed, says that the connection ends, and nothing behind it is served', async () => {
    const before = server.script;
    server.script = ({ idText }) => ({ pieces: sseBytes([Buffer.from(': c\n\n'), Buffer.from(`data: {"jsonrpc":"2.0","id":${idText},"result":{}}\n\n`)]) });
    const asked = latin1(post(['Accept: application/json, text/event-stream', CHUNKED], chunk(OUTER) + LAST));
    const counts = await reached(async () => {
      const { bytes } = await converse(gateway.port, [asked], (got) => readMessages(got).messages.length > 0);
      const { messages, rest } = readMessages(bytes);
      expect([messages[0]?.body.toString(), headerOf(messages[0] ?? { startLine: '', headers: [], body: rest }, 'connection'), rest.length]).toEqual([': c\n\ndata: {"jsonrpc":"2.0","id":1,"result":{}}\n\n', 'close', 0]);
      const got = await converse(gateway.port, [asked], (all) => readMessages(all).messages.length > 0, latin1(HIDDEN));
      expect(readMessages(got.bytes).messages).toHaveLength(1);
    });
    server.script = before;
    expect(counts).toEqual({ echo: 2, hidden: 0 });
  });
});

describe('requests on one connection', () => {
  it('that come before the first is answered end it: each is served once at most, and has its record', async () => {
    for (const many of [2, 40]) {
      const bodies = Array.from({ length: many }, (_, n) => call('echo', { n }, n));
      const [seenBefore, linesBefore] = [server.seen.length, gateway.lines('request').length];
      const { bytes, closed } = await converse(gateway.port, [latin1(bodies.map((body) => post([`Content-Length: ${body.length}`], body)).join(''))], (got) => readMessages(got).messages.length >= many);
      expect((await gateway.post(OUTER)).status).toBe(200);
      const seen = server.seen.slice(seenBefore, -1).map(({ body }) => (JSON.parse(body.toString()) as { params: { arguments: { n: number } } }).params.arguments.n);
      expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
      expect(gateway.lines('request').length - linesBefore - 1).toBeGreaterThanOrEqual(seen.length);
      expect(closed || readMessages(bytes).messages.length === many).toBe(true);
    }
  });

  it('behind one that is refused for its framing are not served', async () => {
    for (const bad of [post([LENGTH, CHUNKED], LAST), post(['Content-Length: x'], OUTER), post([CHUNKED], 'zz\r\n')]) {
      const counts = await reached(async () => {
        await converseInTurn(gateway.port, [latin1(post([LENGTH], OUTER)), latin1(bad + HIDDEN)], (all) => statusesIn(all, false, false).length > 0);
      });
      expect(counts).toEqual({ echo: 1, hidden: 0 });
    }
  });
});
