// Over the wire: which GET becomes a WebSocket, and which is refused.
import { describe, expect, it } from 'vitest';
import { upgradeRequest } from '../../support/raw-websocket.js';
import { until } from '../../support/until.js';
import { ask, held, start } from './carrier-rig.js';
import { connect } from './websocket-rig.js';
import { exchange, post, statusOf } from './wire.js';

describe('an upgrade', () => {
  it.each([['/', '/', '', ''], ['/mcp', '/mcp', '', ''], ['/as/my-agent/dev', '/', 'my-agent', 'dev'], ['/as/a/b/mcp', '/mcp', 'a', 'b']])('of %s is taken, and its evidence goes with every message', async (path, expected, agent, env) => {
    const rig = await start();
    const socket = await connect(rig, { path, lines: ['Authorization: Bearer x', 'X-SPIFFE-ID: spiffe://a/b', 'Mcp-Session-Id: 00abc', 'Mcp-Method: tools/call', 'Mcp-Param-A: 1', 'Traceparent: 00-a-b-01'] });
    expect(socket.head).toMatch(/^HTTP\/1\.1 101 /);
    expect(socket.head.toLowerCase()).toContain('sec-websocket-protocol: mcp');
    expect(socket.head.toLowerCase()).not.toContain('extensions');
    expect(socket.head.toLowerCase()).not.toContain('uwebsockets');
    for (const id of [1, 2]) {
      socket.send(ask(id));
      await socket.answer(id);
      expect(rig.seen.at(-1)?.inbound).toMatchObject({
        httpMethod: 'POST', path: expected, bodyBytes: ask(id).length, evidence: { ip: '127.0.0.1', loopback: true, tls: false, authorization: 'Bearer x', declaredSpiffeId: 'spiffe://a/b', declaredAgent: agent, declaredEnv: env },
        // What names one message over HTTP means nothing for all of them.
        headers: { contentType: 'application/json', mcpSessionId: '', mcpMethod: '', mcpProtocolVersion: '', traceparent: '', forwarded: [], headerless: true },
      });
      expect(rig.seen.at(-1)?.body.toString()).toBe(ask(id));
    }
  });
  it('takes the subprotocol among others, and ignores extensions', async () => {
    const socket = await connect(await start(), { lines: ['Sec-WebSocket-Protocol: graphql-ws, mcp', 'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits'] });
    expect(socket.head.toLowerCase()).toMatch(/sec-websocket-protocol: mcp(\r\n|$)/);
    expect(socket.head.toLowerCase()).not.toContain('sec-websocket-extensions');
  });
  it.each([
    ['no subprotocol', ['Sec-WebSocket-Protocol:'], 400], ['another subprotocol', ['Sec-WebSocket-Protocol: graphql-ws'], 400], ['another version', ['Sec-WebSocket-Version: 8'], 426], ['no Connection', ['Connection:'], 400],
    ['a key that is none', ['Sec-WebSocket-Key: abc'], 400], ['two keys', ['Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='], 400], ['a body', ['Content-Length: 2'], 400],
  ])('with %s is refused, and nothing reaches the gateway', async (_what, lines, status) => {
    const rig = await start();
    const answer = await exchange(rig.port, upgradeRequest(lines));
    expect([statusOf(answer), rig.seen.length]).toEqual([status, 0]);
  });
  it.each([['another path', '/nothing', 404], ['a probe', '/health', 200]])('of %s is none', async (_what, path, status) => {
    const rig = await start();
    expect([statusOf(await exchange(rig.port, upgradeRequest([], path))), rig.seen.length]).toEqual([status, 0]);
  });
  it('that does not ask for a WebSocket is a GET', async () => {
    const rig = await start({ answer: (_inbound, reply) => reply.send(405, [], '') });
    for (const lines of [['Upgrade:'], ['Upgrade: h2c']]) {
      expect(statusOf(await exchange(rig.port, upgradeRequest(lines)))).toBe(405);
      expect(rig.seen.at(-1)?.inbound).toMatchObject({ httpMethod: 'GET', headers: { headerless: false } });
    }
  });
  it.each([['a foreign Origin', 'Origin: https://evil.example', 'origin_not_allowed'], ['a foreign Host', 'Host: evil.example', 'host_not_allowed'], ['an opaque Origin', 'Origin: null', 'origin_not_allowed']])('with %s is refused and recorded', async (_what, line, reason) => {
    const rig = await start();
    expect(statusOf(await exchange(rig.port, upgradeRequest([line])))).toBe(403);
    expect(rig.seen.map(({ refused, inbound }) => [refused, inbound.httpMethod])).toEqual([[`origin_rejected ${reason}`, 'GET']]);
  });
  it('is no way in for a POST', async () => {
    const rig = await start();
    const answer = await exchange(rig.port, post(ask(1), 'Host: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mcp\r\n'));
    expect([statusOf(answer), rig.seen[0]?.inbound.headers.headerless]).toEqual([200, false]);
  });
  it('is not taken where WebSocket is off', async () => {
    const rig = await start({ websocket: { enabled: false } });
    expect([statusOf(await exchange(rig.port, upgradeRequest())), rig.seen.length]).toEqual([404, 0]);
  });
  it('is refused where its address has no room for a request', async () => {
    const { replies, answer } = held();
    const rig = await start({ answer, front: { requests_per_ip_max: 2 } });
    const socket = await connect(rig);
    for (const id of [1, 2]) socket.send(ask(id));
    await until(() => replies.length === 2);
    expect(statusOf(await exchange(rig.port, upgradeRequest()))).toBe(503);
    expect(rig.seen.map(({ refused }) => refused)).toEqual(['', '', 'gateway_overloaded requests_per_ip']);
  });
  it('is refused above the sockets of one address, which count as connections, and taken again when one has ended', async () => {
    const rig = await start({ websocket: { sockets_per_ip_max: 2 } });
    const [one] = [await connect(rig), await connect(rig)];
    expect(rig.front.report()).toMatchObject({ webSockets: 2, connections: 2 });
    expect(statusOf(await exchange(rig.port, upgradeRequest()))).toBe(503);
    expect(rig.seen.map(({ refused }) => refused)).toEqual(['gateway_overloaded websockets_per_ip']);
    expect((await connect(rig, { localAddress: '127.0.0.2' })).head).toMatch(/ 101 /);
    one.socket.destroy();
    await until(() => rig.front.report().webSockets === 2 && rig.front.report().connections === 2);
    expect((await connect(rig)).head).toMatch(/ 101 /);
  });
});
