// A tool server whose answers can be read in two ways, or that says more than it was asked: the caller gets one answer or a refusal, and what lies behind it is never the next call's.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jsonBytes, sseBytes, startExactServer, type ExactServer } from '../support/exact-server.js';
import { CALLER, permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { call, codeOf, openSession, registration, toolText } from '../wire/calls.js';

let server: ExactServer;
let gateway: GatewayProcess;
/** A session gives its calls no ids of the gateway's own: what is left on a connection could pass for the next answer. */
let session: Readonly<Record<string, string>>;

beforeAll(async () => {
  server = await startExactServer(['echo'].map(toolText));
  gateway = await startGateway({
    policies: { 'all.rego': permitAll() }, tools: [registration('echo', server.url)],
    config: { upstream: { connections_max: 1 }, breaker: { failures_to_open: 1000 }, rate_limit: { per_minute: 1_000_000, burst: 1_000_000 }, threads: { gateway: 1 } },
  });
  session = await openSession(gateway, { 'x-spiffe-id': CALLER });
});

afterAll(async () => {
  await gateway.stop();
  await server.close();
});

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const TYPE = 'Content-Type: application/json\r\n';
const said = (text: string): string => `{"jsonrpc":"2.0","id":1,"result":{"said":"${text}"}}`;
const OWN = said('own');
const POISON = said('poison');
const poison = jsonBytes(POISON);
const ok = (lines: string, body = ''): Buffer => bytes(`HTTP/1.1 200 OK\r\n${TYPE}${lines}\r\n${body}`);
const length = (text: string): string => `Content-Length: ${text.length}\r\n`;
const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
const CHUNKED = 'Transfer-Encoding: chunked\r\n';
const LAST = '0\r\n\r\n';
const plain = ok(length(OWN), OWN);
const interim = (status: string): string => `HTTP/1.1 ${status}\r\nLink: </x>\r\n\r\n`;
const behind = (before: string, answer: Buffer): Buffer => Buffer.concat([bytes(before), answer]);

interface Answered {
  readonly pieces: readonly Buffer[];
  readonly close?: boolean;
}
const INVALID = 'mcp_invalid_response';
const LOST = 'mcp_transport_failed';

/** How, what the server sends, and what the caller gets: its answer, or the code of a refusal. */
const SHAPES: readonly (readonly [string, Answered, string])[] = [
  ['a length', { pieces: [plain] }, 'own'], ['chunks', { pieces: [ok(CHUNKED, chunk(OWN.slice(0, 9)) + chunk(OWN.slice(9)) + LAST)] }, 'own'], ['trailers', { pieces: [ok(CHUNKED, `${chunk(OWN)}0\r\nContent-Length: 3\r\nX: y\r\n\r\n`)] }, 'own'],
  ['no length, to the connection\'s end', { pieces: [ok('', OWN)], close: true }, 'own'], ['no length, and another answer in it', { pieces: [ok('', OWN), poison], close: true }, INVALID], ['no length, but keep-alive', { pieces: [ok('Connection: keep-alive\r\n', OWN)], close: true }, 'own'],
  ['HTTP/1.0', { pieces: [bytes(`HTTP/1.0 200 OK\r\n${TYPE}${length(OWN)}\r\n${OWN}`), poison] }, 'own'],
  ['100 before it', { pieces: [behind(interim('100 Continue'), plain)] }, 'own'], ['103 before it, in pieces', { pieces: [bytes(interim('103 Early Hints')), bytes(interim('102 Processing')), plain] }, 'own'], ['sixteen interim answers', { pieces: [behind(interim('103 Early Hints').repeat(16), plain)] }, 'own'],
  ['more interim answers than that', { pieces: [behind(interim('103 Early Hints').repeat(17), plain), poison] }, INVALID], ['101', { pieces: [bytes('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'), poison] }, INVALID],
  ['an interim answer with a length', { pieces: [behind(`HTTP/1.1 103 E\r\nContent-Length: ${poison.length}\r\n\r\n`, poison), plain] }, INVALID],
  ['another answer behind it', { pieces: [Buffer.concat([plain, poison])] }, 'own'], ['another answer behind it, later', { pieces: [plain, poison] }, 'own'], ['two more, behind chunks', { pieces: [Buffer.concat([ok(CHUNKED, chunk(OWN) + LAST), poison, poison])] }, 'own'], ['a line end behind it', { pieces: [plain, bytes('\r\n')] }, 'own'],
  ['a length that is too short', { pieces: [ok(length(OWN.slice(0, -3)), OWN)] }, INVALID], ['a length that is too long', { pieces: [ok(`Content-Length: ${OWN.length + 1}\r\n`, OWN)], close: true }, LOST], ['a length that takes in another answer', { pieces: [ok(`Content-Length: ${OWN.length + poison.length}\r\n`, OWN), poison] }, INVALID],
  ['two lengths', { pieces: [ok(`${length(OWN)}Content-Length: 3\r\n`, OWN), poison] }, INVALID], ['the same length twice', { pieces: [ok(length(OWN) + length(OWN), OWN), poison] }, INVALID], ['a list of lengths', { pieces: [ok(`Content-Length: ${OWN.length}, ${OWN.length}\r\n`, OWN), poison] }, INVALID],
  ['a signed length', { pieces: [ok(`Content-Length: +${OWN.length}\r\n`, OWN), poison] }, INVALID], ['a length in hex', { pieces: [ok(`Content-Length: 0x${OWN.length.toString(16)}\r\n`, OWN), poison] }, INVALID],
  ['a length and chunks', { pieces: [ok(length(OWN) + CHUNKED, chunk(OWN) + LAST), poison] }, INVALID], ['chunks and a length', { pieces: [ok(CHUNKED + length(OWN), OWN), poison] }, INVALID], ['two codings', { pieces: [ok(CHUNKED + CHUNKED, chunk(OWN) + LAST), poison] }, INVALID],
  ['gzip before chunked', { pieces: [ok('Transfer-Encoding: gzip, chunked\r\n', chunk(OWN) + LAST), poison] }, INVALID], ['identity', { pieces: [ok(`Transfer-Encoding: identity\r\n${length(OWN)}`, OWN), poison] }, INVALID], ['chunked in HTTP/1.0', { pieces: [bytes(`HTTP/1.0 200 OK\r\n${TYPE}${CHUNKED}\r\n${chunk(OWN)}${LAST}`)] }, INVALID],
  ['a chunk extension', { pieces: [ok(CHUNKED, `${OWN.length.toString(16)};a=b\r\n${OWN}\r\n${LAST}`), poison] }, INVALID], ['a chunk size beyond 2^32', { pieces: [ok(CHUNKED, `100000000${chunk(OWN)}${LAST}`), poison] }, INVALID], ['a chunk longer than said', { pieces: [ok(CHUNKED, `2\r\n${OWN}\r\n${LAST}`), poison] }, INVALID],
  ['chunks that do not end', { pieces: [ok(CHUNKED, chunk(OWN))], close: true }, LOST], ['a line feed behind a chunk\'s size', { pieces: [ok(CHUNKED, `${OWN.length.toString(16)}\n${OWN}\r\n${LAST}`), poison] }, INVALID],
  ['line feeds alone', { pieces: [bytes(plain.toString('latin1').replaceAll('\r\n', '\n')), poison] }, INVALID], ['a folded header', { pieces: [ok(`X: a\r\n b\r\n${length(OWN)}`, OWN), poison] }, INVALID], ['a blank before the colon', { pieces: [ok(`Content-Length : 3\r\n${length(OWN)}`, OWN), poison] }, INVALID],
  ['a NUL in a value', { pieces: [ok(`X: \0\r\n${length(OWN)}`, OWN), poison] }, INVALID], ['a bare carriage return', { pieces: [ok(`X: a\rContent-Length: 3\r\n${length(OWN)}`, OWN), poison] }, INVALID], ['a line without a colon', { pieces: [ok(`X\r\n${length(OWN)}`, OWN), poison] }, INVALID],
  ['an empty line before it', { pieces: [behind('\r\n', plain), poison] }, INVALID], ['another protocol', { pieces: [bytes('SSH-2.0-OpenSSH_9.2\r\n')] }, INVALID], ['HTTP/2.0', { pieces: [behind('', bytes(plain.toString('latin1').replace('HTTP/1.1', 'HTTP/2.0'))), poison] }, INVALID],
  ['two content types', { pieces: [ok(`Content-Type: text/event-stream\r\n${length(OWN)}`, OWN), poison] }, INVALID], ['an encoding', { pieces: [ok(`Content-Encoding: gzip\r\n${length(OWN)}`, OWN), poison] }, INVALID], ['a head without end', { pieces: [ok(`X: ${'y'.repeat(40_000)}\r\n${length(OWN)}`, OWN)] }, INVALID],
  ['204 with a body', { pieces: [bytes(`HTTP/1.1 204 No Content\r\n${length(OWN)}\r\n${OWN}`), poison] }, INVALID], ['204, and another answer', { pieces: [bytes('HTTP/1.1 204 No Content\r\n\r\n'), poison] }, 'mcp_request_failed'], ['304 with a body', { pieces: [bytes(`HTTP/1.1 304 Not Modified\r\n${length(OWN)}\r\n`), poison] }, 'mcp_request_failed'],
  ['nothing, and the connection\'s end', { pieces: [], close: true }, LOST], ['half a head', { pieces: [bytes('HTTP/1.1 200 OK\r\nContent-Le')], close: true }, LOST], ['an answer to another id', { pieces: [ok(length(OWN), OWN.replace('"id":1', '"id":2')), poison] }, INVALID],
  ['a redirect to another server', { pieces: [bytes(`HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/\r\n${length(OWN)}\r\n${OWN}`)] }, 'mcp_request_failed'],
  ['events, and another answer behind the stream', { pieces: [...sseBytes([bytes(`data: ${OWN}\n\n`)]), poison] }, 'own'], ['events, and another one behind the answer', { pieces: sseBytes([bytes(`data: ${OWN}\n\ndata: ${POISON.replace('"id":1', '"id":9')}\n\n`)]) }, 'own'],
  ['events whose chunks do not end', { pieces: sseBytes([bytes(`data: ${OWN}\n\n`)]).slice(0, -1), close: true }, 'own'], ['events that end before the answer', { pieces: sseBytes([bytes(`data: ${OWN.slice(0, 20)}`)]) }, INVALID],
];

describe('an answer with', () => {
  it.each(SHAPES)('%s', async (_how, { pieces, close }, then) => {
    for (const headers of [session, { ...session, accept: '*/*' }]) {
      const before = server.seen.length;
      server.script = () => ({ pieces, close: close ?? false });
      const answer = await gateway.post(call('echo', {}, 1), headers);
      expect(server.seen.length - before).toBe(1);
      expect(answer.text).not.toContain('poison');
      if (then === 'own') expect({ status: answer.status, said: answer.text.includes(OWN) }).toEqual({ status: 200, said: true });
      else expect(answer.text.startsWith('{') ? codeOf(answer) : answer.text).toEqual(answer.text.startsWith('{') ? then : expect.stringContaining(`"code":"${then}"`));
      expect(gateway.lines('request').at(-1)).toMatchObject({ tool: 'echo', decision: 'ALLOW' });
      // Whatever was left of it: the next call, on the only connection there may be, is asked once and gets its own answer.
      server.script = () => ({ pieces: [jsonBytes(said('next'))] });
      const next = await gateway.post(call('echo', {}, 1), { ...session, accept: '*/*' });
      expect({ status: next.status, text: next.text, asked: server.seen.length - before }).toEqual({ status: 200, text: said('next'), asked: 2 });
    }
  });
});
