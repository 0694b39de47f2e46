// Every odd way to ask: whatever reaches the tool server has crossed all 13 layers, and whatever reached a route has its record.
import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CALLER, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { openRawSse } from '../support/raw-sse.js';
import { openRawWebSocket } from '../support/raw-websocket.js';
import { ECHO_TEXT, startToolServer, type ToolServer } from '../support/tool-server.js';
import { eventually } from '../wire/calls.js';

const BASH_TEXT = ECHO_TEXT.replace('"echo"', '"bash"');
const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');
/** `bash` is registered and served, but nobody is permitted to call it: it must never be reached. */
const FORBIDDEN = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"bash","arguments":{"command":"id"}}}';

let server: ToolServer;
let gateway: GatewayProcess;

beforeAll(async () => {
  server = await startToolServer({ tools: [ECHO_TEXT, BASH_TEXT] });
  const entry = (name: string, text: string) => ({ name, upstream: server.url, hash: hashOf(text), description: 'Return the given text' });
  gateway = await startGateway({
    tools: [entry('echo', ECHO_TEXT), entry('bash', BASH_TEXT)],
    policies: { 'echo.rego': `package precinct.authz\n\nimport rego.v1\n\nallow if {\n\tinput.caller_spiffe_id == "${CALLER}"\n\tinput.tool_name == "echo"\n}\n` },
  });
});

afterAll(async () => {
  await gateway.stop();
  await server.close();
});

/** Sends bytes as they are and returns all that comes back until the connection ends. */
function raw(text: string): Promise<string> {
  return new Promise((resolve) => {
    let got = '';
    const socket = connect(gateway.port, '127.0.0.1', () => socket.write(text));
    socket.setTimeout(3000, () => socket.destroy());
    socket.on('data', (part: Buffer) => { got += part.toString('latin1'); });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(got));
  });
}

function post(target: string, lines: readonly string[], body = FORBIDDEN): string {
  return `POST ${target} HTTP/1.1\r\n${['Host: localhost', 'Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`, 'Connection: close', ...lines].join('\r\n')}\r\n\r\n${body}`;
}

function bashCalls(): number {
  return server.seen.filter((seen) => seen.rpcMethod === 'tools/call' && seen.body.includes('"bash"')).length;
}

const BODIES: readonly (readonly [string, string])[] = [
  ['a batch', `[${FORBIDDEN}]`], ['a notification', FORBIDDEN.replace('"id":1,', '')], ['an escaped duplicate name', FORBIDDEN.replace('"name":"bash"', '"name":"bash","n\\u0061me":"echo"')], ['a duplicate method', FORBIDDEN.replace('"id":1', '"id":1,"method":"ping"')],
  ['a method with a space', FORBIDDEN.replace('tools/call', 'tools/call ')], ['a method in capitals', FORBIDDEN.replace('tools/call', 'Tools/Call')], ['the tool as the method', '{"jsonrpc":"2.0","id":1,"method":"bash","params":{}}'],
  ['__proto__', FORBIDDEN.replace('"params":{', '"params":{"__proto__":{"name":"echo"},')], ['a name with a NUL', FORBIDDEN.replace('"bash"', '"bash\\u0000"')], ['an array as the name', FORBIDDEN.replace('"bash"', '["bash"]')],
  ['a byte order mark', `\ufeff${FORBIDDEN}`], ['a second document', `${FORBIDDEN}\n${FORBIDDEN}`],
];

describe('there is no way around the layers', () => {
  it.each([
    ['an Upgrade header', post('/', ['Upgrade: websocket', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13'])],
    ['an Upgrade header on /mcp', post('/mcp', ['Upgrade: websocket'])], ['two slashes', post('//', [])], ['a dotted path', post('/mcp/../', [])], ['an encoded path', post('/%2e/', [])], ['another path', post('/admin', [])],
    ['the absolute form', post('http://localhost/', [])], ['a second Host', post('/', ['Host: evil.example'])], ['a foreign Host', post('/', []).replace('Host: localhost', 'Host: evil.example')],
    ['a foreign Origin', post('/', ['Origin: https://evil.example'])], ['two identities', post('/', [`X-SPIFFE-ID: ${CALLER}`, 'X-SPIFFE-ID: spiffe://poc.local/system/root'])],
    ['both lengths', post('/', ['Transfer-Encoding: chunked'])], ['a method override', post('/', ['X-HTTP-Method-Override: GET'])], ['another method', post('/', []).replace('POST', 'PUT')],
    ['HEAD', post('/', []).replace('POST', 'HEAD')], ['a contradicting Mcp-Name', post('/', ['Mcp-Method: tools/call', 'Mcp-Name: echo'])], ['a contradicting Mcp-Method', post('/', ['Mcp-Method: ping'])],
    ['an older version header', post('/', ['MCP-Protocol-Version: 2024-11-05'])], ['an approval header', post('/', ['X-Step-Up-Approved: true', 'X-Approval-Marker: 1'])],
  ])('by %s', async (_what, text) => {
    const answer = await raw(text);
    expect(bashCalls()).toBe(0);
    expect(answer).not.toMatch(/^HTTP\/1\.1 200/);
  });

  it.each(BODIES)('by a body with %s', async (_what, body) => {
    const before = gateway.lines('request').length;
    const answer = await gateway.post(body);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(bashCalls()).toBe(0);
    expect(gateway.lines('request').length).toBe(before + 1);
  });

  it.each([['as it is', FORBIDDEN] as const, ...BODIES])('by a WebSocket whose message is one with %s', async (_what, body) => {
    const before = gateway.lines('request').length;
    const socket = await openRawWebSocket(gateway.port, { lines: [`X-SPIFFE-ID: ${CALLER}`, 'Mcp-Method: ping', 'Mcp-Name: echo', 'MCP-Protocol-Version: 2025-06-18'] });
    socket.send(body);
    socket.send('{"jsonrpc":"2.0","id":"after","method":"ping"}');
    await socket.answer('after');
    socket.socket.destroy();
    expect(await eventually(() => gateway.lines('request').length === before + 2)).toBe(true);
    expect(gateway.lines('request').slice(before).map((line) => line['decision']).sort()).toEqual(['ALLOW', 'DENY']);
    expect(socket.messages.every((text) => !('result' in (JSON.parse(text) as object)) || text.includes('"after"'))).toBe(true);
    expect(bashCalls()).toBe(0);
  });

  it.each([['as it is', FORBIDDEN] as const, ...BODIES])('by a POST for a stream of HTTP+SSE with %s', async (_what, body) => {
    const before = gateway.lines('request').length;
    const stream = await openRawSse(gateway.port, { headers: { 'x-spiffe-id': CALLER } });
    const misleading = { 'mcp-method': 'ping', 'mcp-name': 'echo', 'mcp-protocol-version': '2025-03-26', 'mcp-session-id': '00' };
    expect((await stream.post(body, { headers: misleading })).status).toBe(202);
    await stream.post('{"jsonrpc":"2.0","id":"after","method":"ping"}');
    await stream.answer('after');
    stream.destroy();
    expect(await eventually(() => gateway.lines('request').length === before + 2)).toBe(true);
    expect(gateway.lines('request').slice(before).map((line) => line['decision']).sort()).toEqual(['ALLOW', 'DENY']);
    expect(stream.messages.every((text) => !('result' in (JSON.parse(text) as object)) || text.includes('"after"'))).toBe(true);
    expect(bashCalls()).toBe(0);
  });

  it.each([
    ['no stream', post('/messages', [])], ['a stream that is none', post(`/messages?sessionId=1-${'0'.repeat(48)}`, [])], ['the path of streams', post('/sse', [])], ['a GET with a body', post('/sse', []).replace('POST', 'GET')], ['a method override', post('/sse', ['X-HTTP-Method-Override: GET'])],
    ['another method', post('/messages', []).replace('POST', 'PUT')], ['an Upgrade header', post('/messages', ['Upgrade: websocket', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13'])],
  ])('by a request of HTTP+SSE for %s', async (_what, text) => {
    expect(await raw(text)).toMatch(/^HTTP\/1\.1 4/);
    expect(bashCalls()).toBe(0);
  });

  it('and what is permitted still gets through, with __proto__ as plain data and the id as it was', async () => {
    const body = '{"jsonrpc":"2.0","id":9007199254740993,"method":"tools/call","params":{"name":"echo","arguments":{"__proto__":{"a":1},"text":"1e400"}}}';
    const answer = await gateway.post(body);
    expect(answer.status).toBe(200);
    expect(answer.text).toContain('"id":9007199254740993');
    expect(server.seen.at(-1)?.body).toContain('"arguments":{"__proto__":{"a":1},"text":"1e400"}');
  });
});
