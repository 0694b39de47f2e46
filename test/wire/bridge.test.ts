// agw bridge as a client starts it, before a scripted MCP endpoint: bytes, eras, cancellation, streams that break, a gateway that is away, bounds, and its end.
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startBridge, type BridgeProcess } from '../support/bridge-process.js';
import { freePort } from '../support/free-port.js';
import { jsonAnswer, resultFor, sseHead, startScriptedServer, type ScriptedRequest, type ScriptedServer } from '../support/scripted-server.js';
import { until } from '../support/until.js';

const INITIALIZE = '{"jsonrpc":"2.0","id":"hello","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}';
const INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}';
const META = '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}';
const MARKED = '{"name":"naïve tool","inputSchema":{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}}}}';
const call = (id: unknown, name = 'echo'): string => `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"method":"tools/call","params":{"name":"${name}","arguments":{}}}`;
const modernCall = (id: unknown, args = '{}', name = 'echo'): string => `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"method":"tools/call","params":{"name":"${name}","arguments":${args},${META}}}`;
const errorOf = (message: Record<string, unknown>): { code?: unknown; data?: Record<string, unknown> } => message['error'] as { code?: unknown; data?: Record<string, unknown> };

let server: ScriptedServer;
let bridge: BridgeProcess;
const start = (...more: string[]): void => { bridge = startBridge(['--gateway', server.url, ...more]); };
const greet = async (): Promise<void> => {
  bridge.send(INITIALIZE);
  await bridge.answer('hello');
  bridge.send(INITIALIZED);
};

beforeEach(async () => { server = await startScriptedServer([MARKED]); });
afterEach(async () => {
  bridge.kill('SIGTERM');
  bridge.kill('SIGTERM'); // the second ends it at once
  await bridge.ended;
  await server.close();
});

describe('bytes', () => {
  const odd = '{ "id" : 12345678901234567890 ,"method":"tools/call", "jsonrpc":"2.0","params":{"name":"echo","arguments":{"n":-0,"big":1e400,"u":"\\u00e9é\\/"}}}';

  it('of a request arrive as they were typed, and those of an answer as the gateway sent them', async () => {
    start();
    server.script = (_request, response) => jsonAnswer(response, '{"jsonrpc":"2.0",\n  "id": 12345678901234567890,\r\n"result":{"n":1.0e+2, "s":"\\u00e9"}}\n');
    bridge.send(odd);
    expect(await bridge.line('result')).toBe('{"jsonrpc":"2.0",   "id": 12345678901234567890,  "result":{"n":1.0e+2, "s":"\\u00e9"}} ');
    expect(server.of('tools/call')[0]?.body).toBe(odd);
  });

  it('of events arrive as they are, in their order', async () => {
    start();
    const progress = '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1.50}}';
    server.script = ({ idText }, response) => {
      sseHead(response);
      response.end(`: nothing\n\ndata: ${progress}\n\nevent: message\ndata: {"jsonrpc":"2.0",\ndata: "id":${idText},"result":{}}\n\n`);
    };
    bridge.send(call(1));
    await bridge.answer(1);
    expect(bridge.lines()).toEqual([progress, '{"jsonrpc":"2.0", "id":1,"result":{}}']);
  });

  it('that are no JSON, or too many, are answered, and the next line is served', async () => {
    start();
    bridge.send('{"jsonrpc":', '', `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"${'x'.repeat(33 * 1024 * 1024)}"}}`, call(1));
    await bridge.answer(1);
    expect(errorOf(await bridge.answer(null as unknown as number)).code).toBe(-32700);
    expect(errorOf(await bridge.answer(7)).data?.['code']).toBe('bridge_line_too_long');
    expect(server.of('tools/call')).toHaveLength(1);
  });

  it('of a message that the gateway refuses unread get the id that the gateway could not read', async () => {
    start();
    server.script = (_request, response) => jsonAnswer(response, '{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"twice","data":{"code":"mcp_invalid_request"}}}', 400);
    bridge.send('{"jsonrpc":"2.0","id":"é1","method":"tools/call","params":{"name":"a","name":"b"}}');
    expect(await bridge.line('twice')).toBe('{"jsonrpc":"2.0","id":"é1","error":{"code":-32600,"message":"twice","data":{"code":"mcp_invalid_request"}}}');
  });
});

describe('a stateless request', () => {
  it('carries the headers that its body asks for', async () => {
    start();
    bridge.send(modernCall(1, '{}', 'naïve tool'));
    await bridge.answer(1);
    expect(server.of('tools/call')[0]?.headers).toMatchObject({ 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': `=?base64?${Buffer.from('naïve tool').toString('base64')}?=`, accept: 'application/json, text/event-stream' });
    expect(server.of('tools/call')[0]?.headers['mcp-session-id']).toBeUndefined();
  });

  const marking = ({ idText, headers }: ScriptedRequest, response: ServerResponse): void => jsonAnswer(response, headers['mcp-param-region'] === 'eu' ? resultFor(idText, 'ran') : `{"jsonrpc":"2.0","id":${idText},"error":{"code":-32020,"message":"no","data":{"header":"Mcp-Param-region"}}}`, headers['mcp-param-region'] === 'eu' ? 200 : 400);

  it('with a marked argument has its header, known from the list that passed', async () => {
    start();
    server.script = marking;
    bridge.send(`{"jsonrpc":"2.0","id":"l","method":"tools/list","params":{${META}}}`);
    await bridge.answer('l');
    bridge.send(modernCall(1, '{"region":"eu"}', 'naïve tool'));
    expect(await bridge.answer(1)).toHaveProperty('result');
    expect([server.of('tools/list').length, server.of('tools/call').length]).toEqual([1, 1]);
  });

  it('with a marked argument that no list has named is repeated once, after the bridge has listed', async () => {
    start();
    server.script = marking;
    bridge.send(modernCall(1, '{"region":"eu"}', 'naïve tool'), modernCall(2, '{"region":"us"}', 'naïve tool'));
    expect(await bridge.answer(1)).toHaveProperty('result');
    expect(errorOf(await bridge.answer(2)).code).toBe(-32020);
    expect(server.of('tools/call').filter(({ idText }) => idText === '2').map(({ headers }) => headers['mcp-param-region'])).toContain('us');
    expect(server.of('tools/call').length).toBeLessThanOrEqual(4);
  });

  it('is cancelled by closing its connection, and is not answered', async () => {
    start();
    server.script = ({ idText, body }, response) => void (body.includes('"never"') || jsonAnswer(response, resultFor(idText, 'next')));
    bridge.send(modernCall(1, '{"a":"never"}'));
    await until(() => server.of('tools/call').length === 1);
    bridge.send('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}');
    await until(() => server.hangUps === 1);
    bridge.send(modernCall(2));
    await bridge.answer(2);
    expect(bridge.lines()).toHaveLength(1);
    expect(server.of('notifications/cancelled')).toEqual([]);
  });
});

describe('a session', () => {
  it('is named on every message, follows its stream, takes it up again, and is ended with the client', async () => {
    start();
    const streams: ScriptedRequest[] = [];
    server.stream = (seen, response) => {
      streams.push(seen);
      sseHead(response);
      response.write(`retry: 1\nid: e${streams.length}\ndata: {"jsonrpc":"2.0","method":"notifications/number_${streams.length}"}\n\n`);
      if (streams.length === 1) response.end();
    };
    await greet();
    await bridge.line('number_2');
    bridge.send(call(1));
    await bridge.answer(1);
    expect(server.of('tools/call')[0]?.headers).toMatchObject({ 'mcp-session-id': 's-1', 'mcp-protocol-version': '2025-11-25' });
    expect(streams.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, 'e1']);
    expect(server.seen.map(({ method }) => method).indexOf('tools/call')).toBeGreaterThan(server.seen.map(({ method }) => method).indexOf('notifications/initialized'));
    bridge.end();
    expect(await bridge.ended).toBe(0);
    expect(server.seen.filter(({ httpMethod }) => httpMethod === 'DELETE').map(({ headers }) => headers['mcp-session-id'])).toEqual(['s-1']);
  });

  it('is there before what is sent behind its greeting', async () => {
    start();
    let greeted = (): void => undefined;
    server.delayHandshake = () => new Promise((resolve) => { greeted = resolve; });
    bridge.send(INITIALIZE, INITIALIZED, call(1));
    await until(() => server.of('initialize').length === 1);
    greeted();
    await bridge.answer(1);
    expect(server.seen.map(({ method }) => method).filter((method) => method !== '')).toEqual(['initialize', 'notifications/initialized', 'tools/call']);
    expect(server.of('tools/call')[0]?.headers['mcp-session-id']).toBe('s-1');
  });

  it('relays a server\'s question and the client\'s answer', async () => {
    start();
    let asked: ServerResponse | undefined;
    server.script = (_request, response) => {
      asked = response;
      sseHead(response);
      response.write('data: {"jsonrpc":"2.0","id":"q1","method":"roots/list"}\n\n');
    };
    await greet();
    bridge.send(call(1));
    await bridge.line('"q1"');
    bridge.send('{"jsonrpc":"2.0","id":"q1","result":{"roots":[]}}');
    await until(() => server.seen.some(({ body }) => body === '{"jsonrpc":"2.0","id":"q1","result":{"roots":[]}}'));
    expect(server.seen.at(-1)?.headers['mcp-session-id']).toBe('s-1');
    asked?.end(`data: ${resultFor('1', 'done')}\n\n`);
    expect(await bridge.answer(1)).toHaveProperty('result');
  });

  it('tells a cancellation, and its request is not answered, also where the server answers it on the session\'s stream', async () => {
    start();
    let stream: ServerResponse | undefined;
    server.stream = (_request, response) => {
      stream = response;
      sseHead(response);
      response.write(': open\n\n');
    };
    server.script = ({ idText, body }, response) => void (body.includes('"never"') || jsonAnswer(response, resultFor(idText, 'next')));
    await greet();
    bridge.send(call(1, 'never'));
    await until(() => server.of('tools/call').length === 1);
    bridge.send('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}');
    await until(() => server.of('notifications/cancelled').length === 1 && server.hangUps >= 1);
    await until(() => stream !== undefined);
    stream?.write(`data: ${resultFor('1', 'too late')}\n\ndata: {"jsonrpc":"2.0","method":"notifications/behind_it"}\n\n`);
    await bridge.line('behind_it');
    bridge.send(call(2));
    await bridge.answer(2);
    expect(bridge.lines().filter((line) => line.includes('"id":1'))).toEqual([]);
  });

  it('is told what the client notes in its order, however long it takes', async () => {
    start();
    await greet();
    bridge.send(`{"jsonrpc":"2.0","method":"notifications/first","params":{"long":"${'x'.repeat(16 * 1024 * 1024)}"}}`, '{"jsonrpc":"2.0","method":"notifications/second"}');
    await until(() => server.of('notifications/second').length === 1);
    expect(server.seen.map(({ method }) => method).slice(-2)).toEqual(['notifications/first', 'notifications/second']);
  });

  it('that is out of time tells the server, too', async () => {
    start('--timeout', '0.2');
    server.script = () => undefined;
    await greet();
    bridge.send(call(1));
    expect(errorOf(await bridge.answer(1))).toMatchObject({ code: 504, data: { code: 'timeout', may_have_run: true } });
    await until(() => server.of('notifications/cancelled').some(({ body }) => body.includes('"requestId":1')));
  });

  it('that is lost is told, with each request\'s own id, until a new one is opened', async () => {
    start();
    await greet();
    server.sessions.clear();
    server.stream = undefined;
    bridge.send(call(1), call('two'));
    expect(errorOf(await bridge.answer(1)).code).toBe(-32001);
    expect(errorOf(await bridge.answer('two')).code).toBe(-32001);
    bridge.send(INITIALIZE.replace('"hello"', '"again"'));
    await bridge.answer('again');
    bridge.send(INITIALIZED, call(3));
    expect(await bridge.answer(3)).toHaveProperty('result');
  });
});

describe('a stream that ends before its answer', () => {
  it('is taken up with the id of its last event, and gives the answer there', async () => {
    start();
    server.script = (_request, response) => {
      sseHead(response);
      response.end('retry: 1\nid: e7\ndata:\n\n');
    };
    const resumed: unknown[] = [];
    server.stream = ({ headers }, response) => {
      sseHead(response);
      if (headers['last-event-id'] === undefined) return void response.write(': open\n\n');
      resumed.push(headers['last-event-id']);
      response.write(`id: e8\ndata: ${resultFor('1', 'late')}\n\n`);
    };
    await greet();
    bridge.send(call(1));
    expect(JSON.stringify(await bridge.answer(1))).toContain('late');
    await until(() => server.hangUps >= 1); // of a stream that would not end with the answer
    expect(resumed).toEqual(['e7']);
  });

  it('without such an id is an error that says that the call may have run', async () => {
    start();
    server.script = (_request, response) => {
      sseHead(response);
      response.end(': nothing\n\n');
    };
    bridge.send(modernCall(1));
    expect(errorOf(await bridge.answer(1))).toMatchObject({ code: 502, data: { code: 'answer_cut', may_have_run: true, middleware: 'bridge' } });
  });

  it('by a cut is one, too', async () => {
    start();
    server.script = (_request, response) => {
      sseHead(response);
      response.write(': nothing\n\n', () => response.destroy());
    };
    bridge.send(modernCall(1));
    expect(errorOf(await bridge.answer(1)).data).toMatchObject({ code: 'answer_cut', may_have_run: true });
  });
});

describe('a gateway', () => {
  it('that is down is said for each request, and found again', async () => {
    const port = await freePort();
    bridge = startBridge(['--gateway', `http://127.0.0.1:${port}`]);
    bridge.send(modernCall(1));
    expect(errorOf(await bridge.answer(1))).toMatchObject({ code: 503, data: { code: 'gateway_unreachable', may_have_run: false, remediation: expect.stringContaining('make up') as unknown } });
    const late: Server = createServer((request, response) => void request.resume().on('end', () => jsonAnswer(response, resultFor('2', 'up'))));
    await new Promise<void>((resolve) => late.listen(port, '127.0.0.1', resolve));
    bridge.send(modernCall(2));
    expect(await bridge.answer(2)).toHaveProperty('result');
    late.closeAllConnections();
    await new Promise((resolve) => late.close(resolve));
    bridge.send(modernCall(3));
    expect(errorOf(await bridge.answer(3)).data?.['code']).toBe('gateway_unreachable');
  });

  it('that is none is said', async () => {
    start();
    server.script = (_request, response) => void response.writeHead(502, { 'content-type': 'text/html' }).end('<html>');
    bridge.send(modernCall(1));
    expect(errorOf(await bridge.answer(1)).data?.['code']).toBe('not_mcp');
    server.script = (_request, response) => jsonAnswer(response, '{"id":undefined}');
    bridge.send(modernCall(3));
    expect(errorOf(await bridge.answer(3)).data?.['code']).toBe('not_mcp');
    server.script = (_request, response) => jsonAnswer(response, 'true');
    bridge.send(modernCall(2));
    expect(errorOf(await bridge.answer(2)).data?.['code']).toBe('not_mcp');
  });

  it.each(['{"error":"not found"}', '{"code":"not_found","message":"No such path."}', '[]', '[{"ok":true}]', '{"jsonrpc":"1.0","id":1,"result":{}}', '{"\\x":1}'])('that answers %s is none: the client gets an error of its request, and nothing else', async (body) => {
    start();
    server.script = (_request, response) => void response.writeHead(404, { 'content-type': 'application/json' }).end(body);
    bridge.send(modernCall(1));
    expect(errorOf(await bridge.answer(1)).data?.['code']).toBe('not_mcp');
    server.script = (_request, response) => jsonAnswer(response, resultFor('2', 'mcp'));
    bridge.send(modernCall(2));
    expect(await bridge.answer(2)).toHaveProperty('result');
    expect(bridge.lines()).toHaveLength(2);
  });

  it('that cannot be found through a control socket is said for each request', async () => {
    bridge = startBridge(['--gateway', '/nowhere/control.sock']);
    bridge.send(modernCall(1));
    expect(errorOf(await bridge.answer(1)).data?.['may_have_run']).toBe(false);
  });

  it('on another machine gets no declared identity and no token over plain HTTP', async () => {
    bridge = startBridge(['--gateway', 'http://192.0.2.1:9090', '--as', 'my-agent']);
    expect(await bridge.ended).toBe(2);
    expect(bridge.err()).toContain('https://');
    bridge = startBridge(['--gateway', 'http://192.0.2.1:9090'], { PRECINCT_JWT_SVID: 'the.secret.token' });
    expect(await bridge.ended).toBe(2);
    expect(bridge.err()).not.toContain('secret');
  });
});

describe('many at once', () => {
  it('are served up to the bound, and what is beyond is refused', async () => {
    start();
    const held: (() => void)[] = [];
    server.script = ({ idText }, response) => void held.push(() => jsonAnswer(response, resultFor(idText, 'held')));
    bridge.send(...Array.from({ length: 257 }, (_, n) => modernCall(n)));
    expect(errorOf(await bridge.answer(256)).data).toMatchObject({ code: 'bridge_busy', may_have_run: false });
    await until(() => held.length === 256);
    for (const release of held) release();
    await until(() => bridge.lines().length === 257);
  });

  it('in one line are answered in one line, and one by one where nothing comes of it', async () => {
    const batches: Server = createServer((request, response) => {
      let body = '';
      request.on('data', (part: Buffer) => { body += part.toString(); }).on('end', () => jsonAnswer(response, body.includes('501') ? `[${(JSON.parse(body) as { id?: number }[]).flatMap(({ id }) => (id === undefined ? [] : [resultFor(String(id), 'b')])).join(',')}]` : '{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no batches"}}'));
    });
    await new Promise<void>((resolve) => batches.listen(0, '127.0.0.1', resolve));
    bridge = startBridge(['--gateway', `http://127.0.0.1:${(batches.address() as AddressInfo).port}`]);
    bridge.send(`[${call(500)},${call(501)},{"jsonrpc":"2.0","method":"notifications/progress"}]`);
    expect(await bridge.line('500')).toContain('501');
    bridge.send(`[${call(502)},${call(503)}]`);
    expect([errorOf(await bridge.answer(502)).code, errorOf(await bridge.answer(503)).code]).toEqual([-32600, -32600]);
    batches.closeAllConnections();
    batches.close();
  });

  it('cannot share an id', async () => {
    start();
    let release = (): void => undefined;
    server.script = ({ idText }, response) => { release = () => jsonAnswer(response, resultFor(idText, 'the first')); };
    bridge.send('{"jsonrpc":"2.0","id":"\\u0061","method":"tools/call","params":{"name":"echo"}}', call('a'));
    expect(errorOf(await bridge.answer('a')).data?.['code']).toBe('bridge_id_in_use');
    await until(() => server.of('tools/call').length === 1);
    release();
    expect(await bridge.line('the first')).toContain('"id":"a"');
  });
});

describe('its end', () => {
  it.each(['end', 'SIGTERM', 'SIGINT'] as const)('by %s waits for what is under way, writes it, and is 0', async (how) => {
    start();
    let release = (): void => undefined;
    server.script = ({ idText }, response) => { release = () => jsonAnswer(response, resultFor(idText, 'just in time')); };
    bridge.send(modernCall(1));
    await until(() => server.of('tools/call').length === 1);
    if (how === 'end') bridge.end();
    else bridge.kill(how);
    await until(() => server.of('tools/call').length === 1);
    release();
    expect(await bridge.answer(1)).toHaveProperty('result');
    expect(await bridge.ended).toBe(0);
  });

  it('does not wait for a subscription, which is answered', async () => {
    start();
    server.script = (_request, response) => {
      sseHead(response);
      response.write('data: {"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged"}\n\n');
    };
    bridge.send(`{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{},${META}}}`);
    await bridge.line('acknowledged');
    bridge.end();
    expect(errorOf(await bridge.answer(1)).data?.['code']).toBe('bridge_stopped');
    expect(await bridge.ended).toBe(0);
  });
});

it('a tool server cannot say that the gateway has lost the session', async () => {
  start();
  await greet();
  server.script = ({ idText }, response) => jsonAnswer(response, `{"jsonrpc":"2.0","id":${idText},"error":{"code":-32000,"message":"no","data":{"code":"session_not_found"}}}`);
  bridge.send(call(1));
  await bridge.answer(1);
  expect(bridge.err()).not.toContain('no longer knows the session');
  bridge.kill('SIGTERM');
  await bridge.ended;
  expect(server.seen.at(-1)?.httpMethod).toBe('DELETE'); // of one that is lost there is no goodbye
});
