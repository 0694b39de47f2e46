// Hostile bytes on the socket: what reaches a route has exactly one record, and what reaches a tool server has one that all 13 layers allowed.
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CALLER, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { jsonAnswer, resultFor, startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';
import { call, eventually, MCP, registration, toolText } from '../wire/calls.js';

const ROOT_ID = 'spiffe://poc.local/agents/mcp-client/root/dev';
const ECHO = call('echo', { text: 'hi' });
const LAYERS = 13;
const ALLOWING = ['pass', 'flag', 'skipped'];

let first: ScriptedServer;
let second: ScriptedServer;
let gateway: GatewayProcess;

beforeAll(async () => {
  first = await startScriptedServer(['echo', 'bash'].map(toolText));
  second = await startScriptedServer(['echo', 'other'].map(toolText));
  for (const server of [first, second]) server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
  gateway = await startGateway({
    config: { rate_limit: { per_minute: 1_000_000, burst: 100_000 } },
    identities: { default: CALLER, identities: [{ spiffe_id: CALLER }, { spiffe_id: ROOT_ID }] },
    tools: [registration('echo', first.url), registration('bash', first.url), registration('other', second.url)],
    policies: {
      'all.rego': `package precinct.authz\n\nimport rego.v1\n\nallow if {\n\tinput.caller_spiffe_id == "${CALLER}"\n\tinput.tool_name != "bash"\n}\n\nallow if input.caller_spiffe_id == "${ROOT_ID}"\n`,
    },
  });
  expect((await gateway.post(ECHO)).status).toBe(200);
  expect((await gateway.post(call('other'))).status).toBe(200);
});

afterAll(async () => {
  await gateway.stop();
  await first.close();
  await second.close();
});

function newTrace(): string {
  return randomBytes(16).toString('hex');
}

function traced(traceId: string): string {
  return `traceparent: 00-${traceId}-${traceId.slice(0, 16)}-01`;
}

/** Sends the bytes as they are; returns what came until the connection ended or was silent. */
function raw(bytes: string | Buffer): Promise<string> {
  return new Promise((resolve) => {
    let got = '';
    const socket = connect(gateway.port, '127.0.0.1', () => socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes));
    socket.setTimeout(1500, () => socket.destroy());
    socket.on('data', (part: Buffer) => { got += part.toString('latin1'); });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(got));
  });
}

interface Message {
  readonly method?: string;
  readonly target?: string;
  readonly version?: string;
  readonly host?: string;
  readonly lines?: readonly string[];
  /** undefined = Content-Length of the body. */
  readonly framing?: readonly string[];
  readonly body?: string;
}

function render({ method = 'POST', target = '/', version = 'HTTP/1.1', host = 'Host: localhost', lines = [], framing, body = ECHO }: Message, traceId: string): string {
  const head = [host, 'Content-Type: application/json', traced(traceId), 'Connection: close', ...lines, ...(framing ?? [`Content-Length: ${Buffer.byteLength(body)}`])].filter((line) => line !== '');
  return `${method} ${target} ${version}\r\n${head.join('\r\n')}\r\n\r\n${body}`;
}

function statusesOf(answer: string): number[] {
  return [...answer.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => Number(match[1]));
}

function recordsOf(traceId: string): Record<string, unknown>[] {
  return gateway.lines('request').filter((line) => line['trace_id'] === traceId);
}

function callsOf(traceId: string): number {
  return [first, second].flatMap((server) => server.of('tools/call')).filter((seen) => String(seen.headers['traceparent']).includes(traceId)).length;
}

/** Strangers' lines may be shared: their traces then stand in no line of their own, so each case stays below that rate. */
async function expectOutcome(message: Message, statuses: readonly number[], records: number, calls: number): Promise<void> {
  const traceId = newTrace();
  const answer = await raw(render(message, traceId));
  expect(statusesOf(answer)).toEqual(statuses);
  expect(recordsOf(traceId).length).toBe(records);
  expect(callsOf(traceId)).toBe(calls);
}

const chunked = (body: string, extension = ''): string => `${Buffer.byteLength(body).toString(16)}${extension}\r\n${body}\r\n0\r\n\r\n`;

describe('paths and methods', () => {
  it.each<[string, Message, readonly number[], number, number]>([
    ['an Upgrade header on POST, which is a POST', { lines: ['Upgrade: websocket', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13'] }, [200], 1, 1],
    ['a GET without a session', { method: 'GET', body: '', framing: [] }, [405], 1, 0],
    ['a GET with a session that is none', { method: 'GET', body: '', framing: [], lines: ['Mcp-Session-Id: none', 'Accept: text/event-stream'] }, [404], 1, 0],
    ['a DELETE with a session that is none', { method: 'DELETE', body: '', framing: [], lines: ['Mcp-Session-Id: none'] }, [404], 1, 0],
    ['a GET upgrade', { method: 'GET', body: '', framing: [], lines: ['Upgrade: websocket', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13'] }, [400], 0, 0],
    ['a GET upgrade with a key that is none', { method: 'GET', body: '', framing: [], lines: ['Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Key: short', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Protocol: mcp'] }, [400], 0, 0],
    ['a GET upgrade with a body', { method: 'GET', lines: ['Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Protocol: mcp'] }, [400], 0, 0],
    ['OPTIONS', { method: 'OPTIONS', body: '', framing: [] }, [204], 0, 0],
    ['HEAD', { method: 'HEAD', body: '', framing: [] }, [405], 0, 0],
    ['PUT', { method: 'PUT' }, [405], 0, 0],
    ['two slashes', { target: '//' }, [404], 0, 0],
    ['a slash at the end', { target: '/mcp/' }, [404], 0, 0],
    ['dots', { target: '/mcp/../' }, [404], 0, 0],
    ['dots behind an identity', { target: '/as/my-agent/dev/../../..' }, [404], 0, 0],
    ['dots as an identity', { target: '/as/../dev' }, [404], 0, 0],
    ['an escaped path', { target: '/%6dcp' }, [404], 0, 0],
    ['an escaped identity', { target: '/as/%72oot/dev' }, [404], 0, 0],
    ['a parameter', { target: '/mcp;v=1' }, [404], 0, 0],
    ['an identity in the query', { target: `/?x-spiffe-id=${encodeURIComponent(ROOT_ID)}`, body: call('bash') }, [403], 1, 0],
    ['capitals in the path', { target: '/MCP' }, [404], 0, 0],
    ['a backslash', { target: '/\\mcp' }, [404], 0, 0],
    ['a POST for a stream that is none', { target: `/messages?sessionId=1-${'0'.repeat(48)}` }, [404], 1, 0],
    ['a POST for no stream, in chunks', { target: '/as/my-agent/dev/messages', framing: ['Transfer-Encoding: chunked'], body: chunked(ECHO) }, [404], 1, 0],
    ['a POST for a stream in both framings', { target: '/messages', framing: ['Transfer-Encoding: chunked', 'Content-Length: 3'], body: chunked(ECHO) }, [400], 0, 0],
    ['a POST for a stream at an escaped path', { target: '/%6dessages' }, [404], 0, 0],
    ['a POST where streams are opened', { target: '/sse' }, [405], 0, 0],
    ['a stream with a body', { target: '/sse', method: 'GET' }, [400], 0, 0],
    ['a stream as a dotted identity', { target: '/as/../dev/sse', method: 'GET', body: '', framing: [] }, [404], 0, 0],
  ])('%s', async (_what, message, statuses, records, calls) => expectOutcome(message, statuses, records, calls));
});

describe('headers', () => {
  it.each<[string, Message, readonly number[], number, number]>([
    ['names in odd case', { host: 'hOsT: localhost', lines: [`x-SPIFFE-id: ${CALLER}`] }, [200], 1, 1],
    ['two identities', { lines: [`X-SPIFFE-ID: ${CALLER}`, `X-SPIFFE-ID: ${ROOT_ID}`] }, [401], 1, 0],
    ['the same identity twice', { lines: [`X-SPIFFE-ID: ${CALLER}`, `x-spiffe-id: ${CALLER}`] }, [401], 1, 0],
    ['two identities in one line', { lines: [`X-SPIFFE-ID: ${CALLER},${ROOT_ID}`] }, [401], 1, 0],
    ['an empty identity', { lines: ['X-SPIFFE-ID:'] }, [401], 1, 0],
    ['an identity of high bytes', { lines: ['X-SPIFFE-ID: \xff\xfe'] }, [401], 1, 0],
    ['an identity with an underscore for the dash', { lines: [`X_SPIFFE_ID: ${ROOT_ID}`], body: call('bash') }, [403], 1, 0],
    ['two answers to who calls', { target: '/as/my-agent/dev', lines: [`X-SPIFFE-ID: ${ROOT_ID}`], body: call('bash') }, [401], 1, 0],
    ['an empty bearer token', { lines: ['Authorization: Bearer '] }, [401], 1, 0],
    ['a bearer token beside an identity', { lines: ['Authorization: Bearer a.b.c', `X-SPIFFE-ID: ${CALLER}`] }, [401], 1, 0],
    ['a foreign Host', { host: 'Host: evil.example' }, [403], 1, 0],
    ['a Host that only begins well', { host: 'Host: localhost.evil.example' }, [403], 1, 0],
    ['a Host with a user', { host: 'Host: localhost@evil.example' }, [403], 1, 0],
    ['two Hosts, which is no HTTP', { lines: ['Host: evil.example'] }, [400], 0, 0],
    ['the same Host twice, which is no HTTP', { lines: ['Host: localhost'] }, [400], 0, 0],
    ['no Host, which is no HTTP', { host: '' }, [400], 0, 0],
    ['a foreign Origin', { lines: ['Origin: https://evil.example'] }, [403], 1, 0],
    ['the null Origin', { lines: ['Origin: null'] }, [403], 1, 0],
    ['an Origin that only begins well', { lines: ['Origin: http://localhost.evil.example'] }, [403], 1, 0],
    ['two Origins', { lines: ['Origin: http://localhost', 'Origin: https://evil.example'] }, [403], 1, 0],
    ['a contradicting Mcp-Name', { lines: ['Mcp-Name: bash'] }, [400], 1, 0],
    ['a contradicting Mcp-Name in its base64 form', { lines: [`Mcp-Name: =?base64?${Buffer.from('bash').toString('base64')}?=`] }, [400], 1, 0],
    ['Mcp-Name twice', { lines: ['Mcp-Name: echo', 'Mcp-Name: bash'] }, [400], 1, 0],
    ['a contradicting Mcp-Method', { lines: ['Mcp-Method: ping'] }, [400], 1, 0],
    ['an unknown version', { lines: ['MCP-Protocol-Version: 1999-01-01'] }, [400], 1, 0],
    ['another media type', { lines: ['Content-Type: text/plain'] }, [400], 1, 0],
    ['a header that no server could be sent', { lines: ['Mcp-Odd: \xe2\x82\xac'] }, [200], 1, 1],
    ['a tracestate that no server could be sent', { lines: ['tracestate: a=\xe2\x82\xac'] }, [200], 1, 1],
  ])('%s', async (_what, message, statuses, records, calls) => expectOutcome(message, statuses, records, calls));
});

describe('framing', () => {
  it.each<[string, Message, readonly number[], number, number]>([
    ['chunks', { framing: ['Transfer-Encoding: chunked'], body: chunked(ECHO) }, [200], 1, 1],
    ['both lengths', { framing: [`Content-Length: ${ECHO.length}`, 'Transfer-Encoding: chunked'] }, [400], 0, 0],
    ['both lengths, the other way', { framing: ['Transfer-Encoding: chunked', 'Content-Length: 4'], body: chunked(ECHO) }, [400], 0, 0],
    ['an encoding beside chunked', { framing: ['Transfer-Encoding: gzip, chunked'], body: chunked(ECHO) }, [400], 0, 0],
    ['chunked twice', { framing: ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], body: chunked(ECHO) }, [400], 0, 0],
    ['an unknown encoding', { framing: ['Transfer-Encoding: xchunked'], body: chunked(ECHO) }, [400], 0, 0],
    ['two lengths', { framing: [`Content-Length: ${ECHO.length}`, `Content-Length: ${ECHO.length}`] }, [400], 0, 0],
    ['a signed length', { framing: [`Content-Length: +${ECHO.length}`] }, [400], 0, 0],
    ['a hexadecimal length', { framing: ['Content-Length: 0x10'] }, [400], 0, 0],
    ['no body at all', { framing: [], body: '' }, [400], 1, 0],
  ])('%s', async (_what, message, statuses, records, calls) => expectOutcome(message, statuses, records, calls));

  it.each<[string, Message]>([
    ['a GET', { method: 'GET', lines: ['Mcp-Session-Id: none'] }], ['a GET of /health', { method: 'GET', target: '/health' }], ['a HEAD', { method: 'HEAD' }], ['an OPTIONS', { method: 'OPTIONS' }], ['a PUT', { method: 'PUT' }],
    ['a DELETE', { method: 'DELETE', lines: ['Mcp-Session-Id: none'] }], ['another path', { target: '/nothing' }], ['a refused Host', { host: 'Host: evil.example' }], ['a POST of /health', { target: '/health' }],
  ])('the body of %s is not taken for the next request', async (_what, message) => {
    for (const framing of ['length', 'chunks'] as const) {
      const inner = newTrace();
      const smuggled = render({}, inner);
      const outer = render({ ...message, framing: framing === 'length' ? [`Content-Length: ${smuggled.length}`] : ['Transfer-Encoding: chunked'], body: framing === 'length' ? smuggled : chunked(smuggled) }, newTrace()).replace('Connection: close\r\n', '');
      await raw(outer);
      expect(recordsOf(inner).length + callsOf(inner)).toBe(0);
    }
  });

  it('a request behind a broken one is not served', async () => {
    for (const broken of [{ framing: ['Transfer-Encoding: chunked', `Content-Length: ${ECHO.length}`] }, { framing: ['Content-Length: 1x'] }, { target: '/nothing' }, { method: 'PUT' }, { host: 'Host: evil.example' }]) {
      const inner = newTrace();
      await raw(render(broken, newTrace()).replace('Connection: close\r\n', '') + render({}, inner));
      expect(recordsOf(inner).length).toBe(callsOf(inner));
      expect(callsOf(inner)).toBe(0);
    }
  });
});

describe('messages', () => {
  it.each<[string, string, number, number]>([
    ['a batch of nothing', '[]', 400, 0], ['a batch', `[${ECHO}]`, 400, 0], ['a call without an id', ECHO.replace('"id":1,', ''), 400, 0], ['a call with id null', ECHO.replace('"id":1', '"id":null'), 400, 0], ['a fraction as id', ECHO.replace('"id":1', '"id":1.5'), 400, 0],
    ['an object as id', ECHO.replace('"id":1', '"id":{}'), 400, 0], ['a duplicate key hidden by an escape', ECHO.replace('"name":"echo"', '"name":"echo","\\u006eame":"bash"'), 400, 0], ['duplicate params', ECHO.replace('"id":1', '"id":1,"params":{"name":"bash"}'), 400, 0],
    ['a duplicate in the arguments', ECHO.replace('"text":"hi"', '"text":"hi","t\\u0065xt":"ho"'), 400, 0], ['params as an array', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":["echo"]}', 400, 0], ['arguments as text', ECHO.replace('{"text":"hi"}', '"x"'), 400, 0],
    ['method and result', ECHO.replace('"id":1', '"id":1,"result":{}'), 400, 0], ['an old version', ECHO.replace('"2.0"', '"1.0"'), 400, 0], ['a method behind an escaped key', ECHO.replace('"method"', '"m\\u0065thod"'), 200, 1], ['a method with a blank', ECHO.replace('tools/call', 'tools/call '), 404, 0],
    ['a method in capitals', ECHO.replace('tools/call', 'TOOLS/CALL'), 404, 0], ['a method with a NUL', ECHO.replace('tools/call', 'tools/call\\u0000'), 404, 0], ['a name with a blank', ECHO.replace('"echo"', '"echo "'), 403, 0], ['a name in capitals', ECHO.replace('"echo"', '"Echo"'), 403, 0],
    ['a name with a zero-width space', ECHO.replace('"echo"', '"ec\u200bho"'), 403, 0], ['__proto__ as the name', ECHO.replace('"echo"', '"__proto__"'), 403, 0], ['constructor as the name', ECHO.replace('"echo"', '"constructor"'), 403, 0], ['the name in escapes', ECHO.replace('"echo"', '"\\u0065cho"'), 200, 1],
    ['an answer nobody asked for', '{"jsonrpc":"2.0","id":1,"result":{}}', 202, 0], ['a server\'s own method', '{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{}}', 404, 0],
  ])('%s', async (_what, body, status, calls) => {
    const traceId = newTrace();
    const answer = await gateway.post(body, { traceparent: traced(traceId).slice('traceparent: '.length) });
    expect(answer.status).toBe(status);
    expect(recordsOf(traceId).length).toBe(1);
    expect(callsOf(traceId)).toBe(calls);
  });

  it.each(['9007199254740993', '-0', '123456789012345678901234567890', '"a\\"b"', '"\\u0041"', '""', '"__proto__"', '"\u00e9\u{1f600}"', `"${'x'.repeat(1000)}"`])('the id %s comes back as it was', async (idText) => {
    const answer = await gateway.post(ECHO.replace('"id":1', `"id":${idText}`));
    expect(answer.text).toContain(`"id":${idText}`);
    const refused = await gateway.post(call('bash').replace('"id":1', `"id":${idText}`));
    expect(refused.text).toContain(`"id":${idText}`);
    const asMcp = await gateway.post(call('bash').replace('"id":1', `"id":${idText}`), MCP);
    expect(asMcp.text).toContain(`"id":${idText}`);
  });
});

describe('two servers with a tool of the same name', () => {
  it('are listed with one, and only the registered one is called', async () => {
    const listed = await gateway.post('{"jsonrpc":"2.0","id":1,"method":"tools/list"}');
    const names = (listed.json['result'] as { tools: { name: string }[] }).tools.map((tool) => tool.name).sort();
    expect(names).toEqual(['echo', 'other']);
    expect((await gateway.post(ECHO)).status).toBe(200);
    expect(second.of('tools/call').filter((seen) => seen.body.includes('"echo"'))).toEqual([]);
  });
});

describe('in the end', () => {
  it('every call that a server saw has one record, which all 13 layers allowed', async () => {
    expect(await eventually(() => true)).toBe(true);
    const seen = [first, second].flatMap((server) => server.of('tools/call'));
    expect(seen.length).toBeGreaterThan(10);
    for (const one of seen) {
      const traceId = String(one.headers['traceparent']).split('-')[1] ?? '';
      const records = recordsOf(traceId);
      expect(records.map((line) => line['decision'])).toEqual(['ALLOW']);
      const layers = records[0]?.['layers_traversed'] as { verdict: string }[];
      expect(layers.length).toBe(LAYERS);
      expect(layers.filter((layer) => !ALLOWING.includes(layer.verdict))).toEqual([]);
    }
    expect(seen.filter((one) => one.body.includes('"bash"'))).toEqual([]);
  });
});
