// Over the wire: which GET opens a stream of HTTP+SSE, and which does not.
import { describe, expect, it } from 'vitest';
import { openRawWebSocket, upgradeRequest } from '../../support/raw-websocket.js';
import { until } from '../../support/until.js';
import { ask, start } from './carrier-rig.js';
import { BEARER, connect } from './http-sse-rig.js';
import { exchange, HOST, post, statusOf } from './wire.js';

const get = (path: string, lines: readonly string[] = [], method = 'GET'): string => `${method} ${path} HTTP/1.1\r\n${lines.some((line) => line.startsWith('Host')) ? '' : HOST}${lines.map((line) => `${line}\r\n`).join('')}\r\n`;

describe('a stream', () => {
  it.each([['/sse', '/messages', '', ''], ['/as/my-agent/dev/sse', '/as/my-agent/dev/messages', 'my-agent', 'dev']])('of %s names where its messages go, and what a POST there brings is a message of its own', async (path, messages, agent, env) => {
    const rig = await start();
    const stream = await connect(rig, { path, headers: { ...BEARER, 'x-spiffe-id': 'spiffe://a/b', traceparent: '00-a-b-01' } });
    expect([stream.status, stream.headers['content-type'], stream.headers['cache-control'], stream.headers['x-accel-buffering']]).toEqual([200, 'text/event-stream', 'no-cache', 'no']);
    expect(stream.endpoint).toMatch(new RegExp(`^${messages}\\?sessionId=7-[0-9a-f]{48}$`));
    expect(rig.seen).toEqual([]);
    for (const id of [1, 2]) {
      const answer = await stream.post(ask(id), { headers: { 'mcp-session-id': '00abc', 'mcp-method': 'tools/call', 'mcp-protocol-version': '2025-11-25', 'mcp-param-a': '1', accept: 'text/plain', traceparent: `00-${id}-b-01`, tracestate: 'k=v' } });
      expect([answer.status, answer.text]).toEqual([202, '']);
      expect(await stream.answer(id)).toHaveProperty('result');
      expect(rig.seen.at(-1)?.inbound).toMatchObject({
        httpMethod: 'POST', bodyBytes: ask(id).length, evidence: { ip: '127.0.0.1', loopback: true, tls: false, authorization: 'Bearer x', declaredSpiffeId: 'spiffe://a/b', declaredAgent: agent, declaredEnv: env },
        // What names a session or mirrors a body means nothing here; the trace is the message's own.
        headers: { contentType: 'application/json', accept: 'application/json, text/event-stream', mcpSessionId: '', mcpMethod: '', mcpProtocolVersion: '', traceparent: `00-${id}-b-01`, tracestate: 'k=v', forwarded: [], headerless: true },
      });
      expect(rig.seen.at(-1)?.body.toString()).toBe(ask(id));
    }
    expect(rig.front.report()).toMatchObject({ sseStreams: 1, webSockets: 0, requests: 0, bodyBytes: 0 });
  });
  it('has an id that no other has', async () => {
    const rig = await start();
    const ids = await Promise.all(Array.from({ length: 20 }, async () => (await connect(rig)).endpoint));
    expect(new Set(ids).size).toBe(20);
  });
  it.each([['a foreign Origin', 'Origin: https://evil.example', 'origin_not_allowed'], ['a foreign Host', 'Host: evil.example', 'host_not_allowed'], ['an opaque Origin', 'Origin: null', 'origin_not_allowed']])('with %s is refused and recorded', async (_what, line, reason) => {
    const rig = await start();
    expect(statusOf(await exchange(rig.port, get('/sse', [line])))).toBe(403);
    expect(rig.seen.map(({ refused, inbound }) => [refused, inbound.httpMethod])).toEqual([[`origin_rejected ${reason}`, 'GET']]);
    expect(rig.front.report().sseStreams).toBe(0);
  });
  it('for a listed page says so in its answers', async () => {
    const rig = await start({ front: { allowed_origins: ['https://app.example'] } });
    const origin = { origin: 'https://app.example' };
    const stream = await connect(rig, { headers: origin });
    expect(stream.headers['access-control-allow-origin']).toBe('https://app.example');
    expect((await stream.post(ask(1))).headers['access-control-allow-origin']).toBe('https://app.example');
    const preflight = await exchange(rig.port, get('/messages', ['Origin: https://app.example', 'Access-Control-Request-Method: POST'], 'OPTIONS'));
    expect([statusOf(preflight), preflight.toLowerCase()]).toEqual([204, expect.stringContaining('access-control-allow-origin: https://app.example')]);
  });
  it.each([['a length', ['Content-Length: 2']], ['a coding', ['Transfer-Encoding: chunked']], ['both', ['Content-Length: 2', 'Transfer-Encoding: chunked']]])('with a body, announced by %s, is refused', async (_what, lines) => {
    const rig = await start();
    expect([statusOf(await exchange(rig.port, get('/sse', lines))), rig.seen.length]).toEqual([400, 0]);
  });
  it.each([
    ['POST', '/sse', 405, 'GET, OPTIONS'], ['DELETE', '/sse', 405, 'GET, OPTIONS'], ['HEAD', '/sse', 405, 'GET, OPTIONS'], ['OPTIONS', '/sse', 204, 'GET, OPTIONS'], ['GET', '/messages', 405, 'POST, OPTIONS'], ['PUT', '/as/a/dev/messages', 405, 'POST, OPTIONS'],
    ['OPTIONS', '/as/a/dev/messages', 204, 'POST, OPTIONS'], ['POST', '/as/a/dev/sse', 405, 'GET, OPTIONS'],
  ])('is not what %s %s asks for', async (method, path, status, allow) => {
    const rig = await start();
    const answer = await exchange(rig.port, get(path, [], method));
    expect([statusOf(answer), /^allow: (.*)$/im.exec(answer)?.[1]?.trim(), rig.seen.length]).toEqual([status, allow, 0]);
    expect(answer.includes('GET /sse opens a stream')).toBe(status === 405 && method !== 'HEAD');
  });
  it.each(['/sse/', '/SSE', '/as/../dev/sse', '/as/a/dev/sse/', '/%73se', '/messages/', '/as/a/dev/mcp/messages'])('is not at %s', async (path) => {
    const rig = await start();
    expect([statusOf(await exchange(rig.port, get(path))), statusOf(await exchange(rig.port, post(ask(1), HOST, path))), rig.seen.length]).toEqual([404, 404, 0]);
  });
  it('is not opened where it is off', async () => {
    const rig = await start({ httpSse: { enabled: false } });
    expect([statusOf(await exchange(rig.port, get('/sse'))), statusOf(await exchange(rig.port, post(ask(1), HOST, '/messages?sessionId=7-00'))), rig.seen.length]).toEqual([404, 404, 0]);
  });
  it('is no way to a WebSocket', async () => {
    const rig = await start();
    expect([statusOf(await exchange(rig.port, upgradeRequest([], '/sse'))), rig.seen.length]).toEqual([404, 0]);
  });
  it('is opened where WebSocket is off', async () => {
    const rig = await start({ websocket: { enabled: false } });
    const stream = await connect(rig);
    await stream.post(ask(1));
    expect(await stream.answer(1)).toHaveProperty('result');
  });
  it('is refused above the sockets of one address, which it shares with WebSockets, and taken again when one has ended', async () => {
    const rig = await start({ websocket: { sockets_per_ip_max: 2 } });
    const socket = await openRawWebSocket(rig.port);
    const stream = await connect(rig);
    expect(rig.front.report()).toMatchObject({ webSockets: 1, sseStreams: 1, connections: 2 });
    expect(statusOf(await exchange(rig.port, get('/sse')))).toBe(503);
    expect(statusOf(await exchange(rig.port, upgradeRequest()))).toBe(503);
    expect(rig.seen.map(({ refused }) => refused)).toEqual(['gateway_overloaded websockets_per_ip', 'gateway_overloaded websockets_per_ip']);
    expect((await connect(rig, { localAddress: '127.0.0.2' })).status).toBe(200);
    stream.destroy();
    await until(() => rig.front.report().sseStreams === 1 && rig.front.report().connections === 2);
    expect((await connect(rig)).status).toBe(200);
    socket.socket.destroy();
    await until(() => rig.front.report().webSockets === 0 && rig.front.report().connections === 2);
  });
});
