// Connections for the fuzz: requests made by a grammar that knows HTTP and MCP, the same with bytes changed, and bytes that are neither.
import fc from 'fast-check';
import { CALLER } from '../support/gateway-process.js';
import { oddId, oddObject } from '../support/odd-json.js';

export interface FuzzedRequest {
  readonly head: string;
  readonly body: Buffer;
  readonly method: string;
  /** Names it in the record, whatever else it says. */
  readonly traceId: string;
}

export type FuzzedConnection =
  /** One after the other, each when the one before is answered: every one must be. */
  | { readonly kind: 'well-formed'; readonly requests: readonly FuzzedRequest[] }
  /** All bytes in pieces, whatever comes back. */
  | { readonly kind: 'changed' | 'raw'; readonly requests: number; readonly pieces: readonly Buffer[] };

const often = <T>(usual: T, ...odd: readonly T[]): fc.Arbitrary<T> => fc.oneof({ weight: 20, arbitrary: fc.constant(usual) }, { weight: 2, arbitrary: fc.constantFrom(...odd) });

const START = often('POST /', 'POST /mcp', 'POST /as/my-agent/dev', 'POST /as/my-agent/dev/mcp', 'GET /', 'GET /mcp', 'DELETE /', 'OPTIONS /', 'HEAD /', 'PUT /', 'TRACE /mcp', 'GET /health', 'HEAD /ready', 'POST /health', 'POST /nowhere', 'GET /as/x', 'POST /?q=1', 'FOO /', 'POST /messages?sessionId=1-2', 'POST /messages', 'POST /messages?sessionId=1-000000000000000000000000000000000000000000000000', 'POST /sse', 'GET /messages', 'POST //', 'POST /%2e/');
const HOST = often('localhost', '127.0.0.1:80', 'evil.example', '[::1]', '', 'localhost:x');
const IDENTITY = often(CALLER, '', 'spiffe://poc.local/agents/mcp-client/nobody/dev', 'spiffe://other.domain/x', 'no spiffe id', `${CALLER}, ${CALLER}`);
const TYPE = often('application/json', 'application/json; charset=utf-8', 'text/plain', '', 'application/json, application/json');
const ACCEPT = fc.constantFrom('application/json, text/event-stream', '*/*', '', 'text/event-stream', 'application/json');
const VERSION = often('', '2025-03-26', '2025-11-25', '2026-07-28', '1999-01-01', 'x');
const SESSION = often('', '00', 'f'.repeat(48), '0'.repeat(48), 'é');
const MORE = fc.oneof({ weight: 3, arbitrary: fc.constant<string[]>([]) }, fc.subarray(['Origin: http://localhost:3000', 'Origin: https://evil.example', 'Mcp-Method: tools/call', 'Mcp-Name: echo', 'Mcp-Name: =?base64?ZWNobw==?=', 'Mcp-Param-X: 1', 'Upgrade: websocket', 'Connection: keep-alive', 'Expect: 100-continue', 'Last-Event-ID: 1', 'Authorization: Bearer x', 'Cookie: a=b', 'TE: trailers', 'X-Empty:'], { maxLength: 2 }));

/** Never the same twice. */
const TRACE = fc.noBias(fc.array(fc.integer({ min: 1, max: 0xffff_ffff }), { minLength: 4, maxLength: 4 }));

const META = ',"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}';
interface Message {
  readonly bytes: Buffer;
  /** Headers that it asks for. */
  readonly mirrors: readonly string[];
}

function request2026(modern: boolean, method: string, name?: string): readonly string[] {
  return modern ? ['MCP-Protocol-Version: 2026-07-28', `Mcp-Method: ${method}`, ...(name === undefined ? [] : [`Mcp-Name: ${name}`])] : [];
}

const message: fc.Arbitrary<Message> = fc.tuple(oddId, oddObject, fc.nat(15), fc.boolean()).map(([id, value, which, modern]) => {
  const meta = modern ? META : '';
  const asking = (method: string, params: string, name?: string): Message => ({ bytes: Buffer.from(`{"jsonrpc":"2.0","id":${id},"method":"${method}","params":{${params}${meta}}}`), mirrors: request2026(modern, method, name) });
  const plain = (text: string): Message => ({ bytes: Buffer.from(text), mirrors: [] });
  const calling = (name: string): Message => asking('tools/call', `"name":"${name}","arguments":${value}`, name);
  switch (which) {
    case 0: case 1: case 2: case 3: case 4: case 5: return calling('echo');
    case 6: return calling('forbidden');
    case 7: return calling('unknown');
    case 8: return asking('x/unknown', `"k":${value}`);
    case 9: return plain(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${id},"k":${value}}}`);
    case 10: return plain(`{"jsonrpc":"2.0","id":${id},"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":${value},"clientInfo":{"name":"f","version":"1"}}}`);
    case 11: return plain(`{"jsonrpc":"2.0","id":${id},"method":"ping"}`);
    case 12: return asking('tools/list', '"k":1');
    case 13: return plain(`{"jsonrpc":"2.0","id":${id},"result":${value}}`);
    case 14: return { ...plain(`[{"jsonrpc":"2.0","id":${id},"method":"ping"},${value}]`), mirrors: modern ? ['MCP-Protocol-Version: 2025-03-26'] : [] };
    default: return plain(value);
  }
});

/** Parts of HTTP, JSON-RPC and JSON that matter to a parser. */
const TOKENS = [
  '\r\n', '\n', '\r', '\0', ' ', '\t', ':', ';', ',', '0', '-1', '0\r\n\r\n', '\r\n\r\n', 'Content-Length: 5\r\n', 'Content-Length: 99999999\r\n', 'Transfer-Encoding: chunked\r\n', 'Transfer-Encoding: x\r\n', 'Host: localhost\r\n', 'GET / HTTP/1.1\r\n', 'POST / HTTP/1.1\r\n', ' HTTP/1.0', ' HTTP/2.0',
  `X-SPIFFE-ID: ${CALLER}\r\n`, '{', '}', '[', ']', '"', '\\', '\\u0000', '\\ud800', '"id":1', '"method":"tools/call"', '"name":"forbidden"', '"__proto__":{}', '1e999', '\xff', '\xc3\x28', '\xed\xa0\x80', '\xef\xbb\xbf', '\x7f', 'ffffffff\r\n', '1\r\nx\r\n',
] as const;

const edit = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), cut: fc.constantFrom(0, 0, 1, 1, 2, 7, 200), insert: fc.oneof(fc.constantFrom('', ...TOKENS), fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code))), flip: fc.constantFrom(0, 0, 1, 0x20, 0x80) });
type Edit = { readonly at: number; readonly cut: number; readonly insert: string; readonly flip: number };

function changed(bytes: Buffer, edits: readonly Edit[]): Buffer {
  return edits.reduce((before, { at, cut, insert, flip }) => {
    const from = Math.min(before.length, Math.floor(at * before.length));
    const after = Buffer.concat([before.subarray(0, from), Buffer.from(insert, 'latin1'), before.subarray(from + cut)]);
    if (flip !== 0 && from < after.length) after[from] = (after[from] ?? 0) ^ flip;
    return after;
  }, bytes);
}

const body: fc.Arbitrary<Message> = fc.oneof({ weight: 12, arbitrary: message }, { weight: 2, arbitrary: fc.tuple(message, fc.array(edit, { minLength: 1, maxLength: 2 })).map(([{ bytes, mirrors }, edits]) => ({ bytes: changed(bytes, edits), mirrors })) }, { weight: 1, arbitrary: fc.constant({ bytes: Buffer.alloc(0), mirrors: [] }) });

function chunkedBody(bytes: Buffer, size: number): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    const part = bytes.subarray(at, at + size);
    parts.push(Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n'));
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
}

const request: fc.Arbitrary<FuzzedRequest> = fc.record({ start: START, host: HOST, identity: IDENTITY, type: TYPE, accept: ACCEPT, version: VERSION, session: SESSION, more: MORE, body, chunkBytes: fc.constantFrom(0, 0, 0, 0, 1000, 7), trace: TRACE }).map((one) => {
  const method = one.start.split(' ', 1)[0] ?? '';
  const traceId = one.trace.map((part) => part.toString(16).padStart(8, '0')).join('');
  const { bytes, mirrors } = one.body;
  const framing = one.chunkBytes > 0 ? 'Transfer-Encoding: chunked' : `Content-Length: ${bytes.length}`;
  const named: readonly (readonly [string, string])[] = [['X-SPIFFE-ID', one.identity], ['Content-Type', one.type], ['Accept', one.accept], ['MCP-Protocol-Version', mirrors.length > 0 ? '' : one.version], ['Mcp-Session-Id', one.session]];
  const lines = [`Host: ${one.host}`, ...named.filter(([, value]) => value !== '').map(([name, value]) => `${name}: ${value}`), `traceparent: 00-${traceId}-00f067aa0ba902b7-01`, ...mirrors, ...one.more, framing];
  return { head: `${one.start} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`, body: one.chunkBytes > 0 ? chunkedBody(bytes, one.chunkBytes) : bytes, method, traceId };
});

export function bytesOf({ head, body: bytes }: FuzzedRequest): Buffer {
  return Buffer.concat([Buffer.from(head, 'utf8'), bytes]);
}

function inPieces(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [0, ...cuts.map((cut) => Math.floor(cut * bytes.length)).sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((to, n) => bytes.subarray(places[n], to));
}

const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 3 });
const wellFormed: fc.Arbitrary<FuzzedConnection> = fc.array(request, { minLength: 1, maxLength: 6 }).map((requests) => ({ kind: 'well-formed', requests }));
const tampered: fc.Arbitrary<FuzzedConnection> = fc.tuple(fc.array(request, { minLength: 1, maxLength: 3 }), fc.array(edit, { minLength: 1, maxLength: 4 }), cuts)
  .map(([requests, edits, places]) => ({ kind: 'changed', requests: requests.length, pieces: inPieces(changed(Buffer.concat(requests.map(bytesOf)), edits), places) }));
const noise: fc.Arbitrary<FuzzedConnection> = fc.tuple(fc.oneof(fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)), fc.array(fc.constantFrom(...TOKENS), { maxLength: 30 }).map((parts) => Buffer.from(parts.join(''), 'latin1'))), cuts)
  .map(([bytes, places]) => ({ kind: 'raw', requests: 1, pieces: inPieces(bytes, places) }));

export const connections: fc.Arbitrary<FuzzedConnection> = fc.oneof({ weight: 10, arbitrary: wellFormed }, { weight: 8, arbitrary: tampered }, { weight: 1, arbitrary: noise });

export function requestsOf(connection: FuzzedConnection): number {
  return connection.kind === 'well-formed' ? connection.requests.length : connection.requests;
}
