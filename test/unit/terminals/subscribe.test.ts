// subscriptions/listen through the whole gateway: one stream for the client, fed by several tool servers and by the gateway itself.
import type { ServerResponse } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { IdentityResult } from '../../../src/engines/identity/types.js';
import { CALLER, PERMIT_ALL, rpc, startInProcessGateway, toolText, type InProcessGateway, type InProcessOptions } from '../../support/gateway-in-process.js';
import { MCP_ACCEPT, type RecordedReply } from '../../support/inbound-reply.js';
import { jsonAnswer, sseHead, startScriptedServer, type ScriptedServer } from '../../support/scripted-server.js';
import { until } from '../../support/until.js';
import { modernRequest } from './modern-fixture.js';

const CREDENTIAL = 'AKIA'.concat('AB'.repeat(8)); // an AWS key id of no account
const LISTS = { tools: { listChanged: true }, prompts: { listChanged: true }, resources: { listChanged: true, subscribe: true } };
const EVERYTHING = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true, resourceSubscriptions: ['file:///a'] };

let a: ScriptedServer;
let b: ScriptedServer;
let legacy: ScriptedServer;
let running: InProcessGateway | undefined;
/** Each server's open streams, and the body each was opened with. */
const streams = new Map<ScriptedServer, { response: ServerResponse; body: Record<string, unknown> }[]>();
const of = (server: ScriptedServer) => streams.get(server) ?? [];

beforeAll(async () => {
  [a, b, legacy] = await Promise.all([startScriptedServer([]), startScriptedServer([]), startScriptedServer([])]);
});
afterAll(() => Promise.all([a.close(), b.close(), legacy.close()]));
beforeEach(() => {
  for (const server of [a, b, legacy]) {
    streams.set(server, []);
    Object.assign(server, { seen: [], tools: [toolText(server === a ? 'one' : server === b ? 'two' : 'three')], modernOnly: server === legacy ? undefined : LISTS, hangUps: 0 });
    server.script = listening(server);
  }
});
afterEach(() => running?.close());

function listening(server: ScriptedServer): ScriptedServer['script'] {
  return ({ method, body, idText }, response) => {
    if (method !== 'subscriptions/listen') return jsonAnswer(response, `{"jsonrpc":"2.0","id":${idText},"result":{}}`);
    sseHead(response);
    streams.get(server)?.push({ response, body: JSON.parse(body) as Record<string, unknown> });
    response.write(event({ jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged', params: { _meta: { 'io.modelcontextprotocol/subscriptionId': JSON.parse(idText) as unknown }, notifications: {} } }));
  };
}
const event = (message: unknown): string => `event: message\ndata: ${JSON.stringify(message)}\n\n`;
const changed = (kind: string, more: Record<string, unknown> = {}): string => event({ jsonrpc: '2.0', method: `notifications/${kind}`, params: { _meta: { 'io.modelcontextprotocol/subscriptionId': 'theirs' }, ...more } });

async function start(more: Partial<InProcessOptions> = {}): Promise<InProcessGateway> {
  running = await startInProcessGateway({ tools: [{ name: 'one', url: a.url }, { name: 'two', url: b.url }, { name: 'three', url: legacy.url }], ...more });
  return running;
}
/** Clock hands that only the test turns. */
function byHand() {
  const ticks = new Map<() => void, number>();
  return {
    ticks,
    every: (ms: number, tick: () => void) => {
      ticks.set(tick, ms);
      return () => void ticks.delete(tick);
    },
    waits: () => [...ticks.values()].filter((ms) => ms !== 8_000),
    turn: (ms: number) => [...ticks].forEach(([tick, at]) => { if (at === ms) tick(); }),
  };
}
function listen(gateway: InProcessGateway, notifications: unknown = EVERYTHING, id: unknown = 'listen-1'): RecordedReply {
  const { body, posted } = modernRequest('subscriptions/listen', { notifications }, { id });
  return gateway.post(body, posted);
}
interface Heard { readonly id?: unknown; readonly method?: string; readonly result?: unknown; readonly params?: { readonly _meta?: Record<string, unknown>; readonly notifications?: unknown; readonly uri?: string } }
const heard = (reply: RecordedReply): Heard[] => reply.events as Heard[];
const methods = (reply: RecordedReply) => heard(reply).map(({ method }) => method);
const ids = (reply: RecordedReply) => heard(reply).map(({ params }) => params?._meta?.['io.modelcontextprotocol/subscriptionId']);

describe('a subscription', () => {
  it('is one stream, fed by every server that has what was asked for, under the client\'s own id', async () => {
    const gateway = await start();
    const reply = listen(gateway, EVERYTHING, 7);
    await until(() => of(a).length === 1 && of(b).length === 1);
    expect(heard(reply)).toMatchObject([{ method: 'notifications/subscriptions/acknowledged', params: { notifications: EVERYTHING } }]);
    expect(reply.headers).toMatchObject({ 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' });
    expect(legacy.of('subscriptions/listen')).toEqual([]);
    expect(of(a)[0]?.body['params']).toMatchObject({ notifications: EVERYTHING, _meta: { 'io.modelcontextprotocol/clientInfo': { name: 't' } } });
    of(a)[0]?.response.write(changed('prompts/list_changed'));
    await until(() => heard(reply).length === 2);
    of(b)[0]?.response.write(changed('resources/updated', { uri: 'file:///a' }));
    await until(() => heard(reply).length === 3);
    gateway.gateway.announceToolsChanged();
    expect(methods(reply).slice(1)).toEqual(['notifications/prompts/list_changed', 'notifications/resources/updated', 'notifications/tools/list_changed']);
    expect(ids(reply)).toEqual([7, 7, 7, 7]);
    reply.hangUp();
    await until(() => a.hangUps === 1 && b.hangUps === 1 && gateway.lines().at(-1)?.['type'] === 'stream_end');
    expect(gateway.lines().slice(-2)).toMatchObject([{ method: 'subscriptions/listen', decision: 'ALLOW', status: 200 }, { code: 'client_disconnected' }]);
    gateway.gateway.announceToolsChanged();
  });

  it('hears what it asked for, and only of what its policies let it read', async () => {
    const gateway = await start({ policies: [{ ...PERMIT_ALL, text: `package precinct.authz\nimport rego.v1\nallow if { input.caller_spiffe_id == "${CALLER}"; not startswith(input.tool_name, "file:///secret") }\n` }] });
    const asked = { promptsListChanged: true, resourceSubscriptions: ['file:///dir/', 'file:///secret'] };
    const reply = listen(gateway, asked);
    await until(() => of(a).length === 1);
    expect(heard(reply)[0]?.params?.notifications).toEqual({ promptsListChanged: true, resourceSubscriptions: ['file:///dir/'] });
    for (const said of [changed('tools/list_changed'), changed('message', { data: 'x' }), changed('resources/updated', { uri: 'file:///secret' }), changed('resources/updated', { uri: 'file:///other' }), event({ jsonrpc: '2.0', id: 'q', method: 'roots/list' }), changed('resources/updated', { uri: 'file:///dir/x' })]) of(a)[0]?.response.write(said);
    await until(() => heard(reply).length === 2);
    expect(heard(reply).at(-1)).toMatchObject({ params: { uri: 'file:///dir/x' } });
    expect(gateway.lines().filter(({ type }) => type === 'server_request')).toMatchObject([{ method: 'roots/list', decision: 'DENY' }]);
    gateway.gateway.announceToolsChanged();
    expect(heard(reply)).toHaveLength(2);
    reply.hangUp();
  });

  it('hears only of resources that layer 5 lets it read, and of these as their entries say', async () => {
    const text = `package precinct.authz\nimport rego.v1\nallow if input.method == "subscriptions/listen"\nallow if { input.method == "resources/read"; not input.risk_level in {"high", "critical"} }\n`;
    const registered = ['version: v2', 'tools:', `  - {name: one, upstream: ${a.url}, risk_level: low, hash: ${'a'.repeat(64)}}`, 'resources:', `  - {uri_prefix: 'file:///open/', upstream: ${a.url}, risk_level: low}`, `  - {uri_prefix: 'file:///open/private/', upstream: ${a.url}, risk_level: high}`, ''].join('\n');
    const uris = ['', 'file:///open/a', 'file:///open/private/a', 'file:///open/%70rivate/a', 'file:///open/.\t./b', 'file:///open/private%2Fa', 'file:///elsewhere', 'file:///open/'];
    for (const [config, granted] of [[[], ['file:///open/a', 'file:///elsewhere', 'file:///open/']], [['registry: {unregistered: refuse}'], ['file:///open/a', 'file:///open/']]] as const) {
      const gateway = await start({ tools: [], registry: registered, config, policies: [{ ...PERMIT_ALL, text }] });
      const opened = of(a).length;
      const reply = listen(gateway, { resourceSubscriptions: uris });
      await until(() => of(a).length === opened + 1);
      expect(heard(reply)[0]?.params?.notifications).toEqual({ resourceSubscriptions: granted });
      for (const uri of ['file:///open/private/a', 'file:///open/%70rivate/a', 'file:///open/x']) of(a).at(-1)?.response.write(changed('resources/updated', { uri }));
      await until(() => heard(reply).length === 2);
      expect(heard(reply)[1]).toMatchObject({ params: { uri: 'file:///open/x' } });
      reply.hangUp();
      await gateway.close();
      running = undefined;
    }
  });

  it('asks and believes only the server of a registered resource', async () => {
    const tool = (name: string, url: string): string => `  - {name: ${name}, upstream: ${url}, risk_level: low, hash: ${'a'.repeat(64)}}`;
    const registered = ['version: v2', 'tools:', tool('one', a.url), tool('two', b.url), 'resources:', `  - {uri_prefix: 'file:///all/of-a/', upstream: ${a.url}, risk_level: low}`, ''].join('\n');
    const gateway = await start({ tools: [], registry: registered });
    const reply = listen(gateway, { resourceSubscriptions: ['file:///all/of-a/1', 'file:///all/'] });
    await until(() => of(a).length === 1 && of(b).length === 1);
    expect(heard(reply)[0]?.params?.notifications).toEqual({ resourceSubscriptions: ['file:///all/of-a/1', 'file:///all/'] });
    expect([a, b].map((server) => (of(server)[0]?.body['params'] as { notifications: unknown }).notifications)).toEqual([{ resourceSubscriptions: ['file:///all/of-a/1', 'file:///all/'] }, { resourceSubscriptions: ['file:///all/'] }]);
    for (const uri of ['file:///all/of-a/1', 'file:///all/x']) of(b)[0]?.response.write(changed('resources/updated', { uri }));
    await until(() => heard(reply).length === 2);
    of(a)[0]?.response.write(changed('resources/updated', { uri: 'file:///all/of-a/1' }));
    await until(() => heard(reply).length === 3);
    expect(heard(reply).slice(1).map(({ params }) => params?.uri)).toEqual(['file:///all/x', 'file:///all/of-a/1']);
    reply.hangUp();
  });

  it('names no URI longer than one that can be read', async () => {
    const gateway = await start();
    const { body, posted } = modernRequest('subscriptions/listen', { notifications: { resourceSubscriptions: ['x'.repeat(8193)] } });
    expect((await gateway.ask(body, posted)).text).toContain('-32602');
    expect(gateway.lines().at(-1)).toMatchObject({ decision: 'DENY', code: 'mcp_invalid_request' });
  });

  it('passes nothing on that the firewall holds back', async () => {
    const gateway = await start();
    const reply = listen(gateway);
    await until(() => of(a).length === 1);
    of(a)[0]?.response.write(changed('prompts/list_changed', { note: CREDENTIAL }));
    await until(() => heard(reply).length === 2);
    expect(reply.text).toContain('[redacted:');
    expect(reply.text).not.toContain(CREDENTIAL);
    reply.hangUp();
    await until(() => gateway.lines().at(-1)?.['type'] === 'stream_end');
    expect(gateway.lines().at(-1)?.['findings']).toHaveLength(1);
  });

  it('goes on for the others when a server breaks, and takes its return for a change', async () => {
    const hands = byHand();
    const gateway = await start({ change: () => ({ every: hands.every }) });
    const reply = listen(gateway);
    await until(() => of(a).length === 1 && of(b).length === 1);
    of(a)[0]?.response.destroy();
    await until(() => hands.waits().length === 1);
    expect(hands.waits()).toEqual([1_000]);
    of(b)[0]?.response.write(changed('prompts/list_changed'));
    await until(() => heard(reply).length === 2);
    a.script = (_seen, response) => void response.writeHead(503).end();
    hands.turn(1_000);
    await until(() => hands.waits()[0] === 2_000);
    a.script = listening(a);
    hands.turn(2_000);
    await until(() => heard(reply).length === 6);
    expect(methods(reply).slice(2).sort()).toEqual(['notifications/prompts/list_changed', 'notifications/resources/list_changed', 'notifications/resources/updated', 'notifications/tools/list_changed']);
    expect(new Set(ids(reply))).toEqual(new Set(['listen-1']));
    reply.hangUp();
    expect(hands.waits()).toEqual([]);
  });

  it('does not ask a server again that will not', async () => {
    const hands = byHand();
    const gateway = await start({ change: () => ({ every: hands.every }) });
    a.script = ({ idText }, response) => jsonAnswer(response, `{"jsonrpc":"2.0","id":${idText},"error":{"code":-32601,"message":"no"}}`, 404);
    const reply = listen(gateway);
    await until(() => of(b).length === 1 && a.of('subscriptions/listen').length === 1);
    of(b)[0]?.response.write(changed('prompts/list_changed'));
    await until(() => heard(reply).length === 2);
    expect(hands.waits()).toEqual([]);
    reply.hangUp();
  });

  it('ends well when nothing it asked for will ever come, when the gateway stops, and with the proof of who listens', async () => {
    const hands = byHand();
    let nowMs = 1_800_000_000_000;
    const gateway = await start({
      change: (parts) => ({
        clock: { ...parts.clock, nowMs: () => nowMs }, every: hands.every,
        authenticator: { ...parts.authenticator, authenticate: (...asked) => {
          const result = parts.authenticator.authenticate(...asked) as IdentityResult;
          return result.ok ? { ok: true, caller: { ...result.caller, expiresMs: 1_800_000_060_000 } } : result;
        } },
      }),
    });
    const result = { id: 'listen-1', result: { resultType: 'complete', _meta: { 'io.modelcontextprotocol/subscriptionId': 'listen-1' } } };
    const empty = listen(gateway, {});
    await until(() => empty.state === 'ended');
    expect(heard(empty)).toMatchObject([{ params: { notifications: {} } }, result]);
    const expiring = listen(gateway);
    await until(() => of(a).length === 1);
    nowMs += 60_000;
    of(a)[0]?.response.write(changed('prompts/list_changed', { data: 'too late' }));
    await until(() => expiring.state === 'ended');
    expect(heard(expiring)).toMatchObject([{ method: 'notifications/subscriptions/acknowledged' }, result]);
    expect(gateway.lines().at(-1)).toMatchObject({ type: 'stream_end', code: 'auth_invalid_identity' });
    nowMs -= 60_000;
    const last = listen(gateway);
    await until(() => of(a).length === 2);
    gateway.gateway.endStreams();
    await until(() => last.state === 'ended' && a.hangUps === 2);
    expect(heard(last).at(-1)).toMatchObject(result);
  });

  it.each([
    ['a filter that is none', { notifications: 5 }, MCP_ACCEPT, -32602], ['no filter', {}, MCP_ACCEPT, -32602], ['a client that reads no streams', { notifications: {} }, 'application/json', -32600],
  ])('is refused for %s', async (_what, params, accept, code) => {
    const gateway = await start();
    const { body, posted } = modernRequest('subscriptions/listen', params, { accept });
    expect(await gateway.ask(body, posted)).toMatchObject({ status: 400, json: { id: 1, error: { code } } });
    expect(a.of('subscriptions/listen')).toEqual([]);
  });

  it('is not for a client with a handshake', async () => {
    const reply = await (await start()).ask(rpc('subscriptions/listen', { notifications: {} }));
    expect([reply.status, reply.json]).toMatchObject([404, { error: { code: -32601 } }]);
  });

  it('has a bound for each caller, and those that ended count no more', async () => {
    const gateway = await start({ config: ['rate_limit: {per_minute: 100000, burst: 100000}'] });
    const open = Array.from({ length: 64 }, () => listen(gateway, { toolsListChanged: true }));
    const atOnce = listen(gateway, { toolsListChanged: true }); // none of them has begun
    await until(() => open.every((one) => one.state === 'streaming'));
    await until(() => of(a).length === open.length); // more than calls may have connections: they take none of theirs
    const beyond = listen(gateway, { toolsListChanged: true });
    for (const one of [atOnce, beyond]) {
      await one.finished;
      expect([one.status, one.code]).toEqual([503, 'gateway_overloaded']);
    }
    open[0]?.hangUp();
    const next = listen(gateway, { toolsListChanged: true });
    await until(() => next.state === 'streaming');
    for (const one of [...open, next]) one.hangUp();
    await until(() => gateway.lines().filter(({ type }) => type === 'stream_end').length === 65);
  });

  it('that never began for want of its record takes no place of its caller\'s', async () => {
    let full = true;
    const gateway = await start({
      config: ['rate_limit: {per_minute: 100000, burst: 100000}'],
      change: ({ appender }) => ({
        appender: {
          get healthy() { return appender.healthy; }, get because() { return appender.because; }, append: (line, done) => appender.append(line, done), close: () => appender.close(),
          appendRequest: (facts, done) => (full ? queueMicrotask(() => done(new Error('full'), undefined)) : appender.appendRequest(facts, done)),
        },
      }),
    });
    const lost = Array.from({ length: 64 }, () => listen(gateway, { toolsListChanged: true }));
    await Promise.all(lost.map(({ finished }) => finished));
    full = false;
    const next = listen(gateway, { toolsListChanged: true });
    await until(() => next.state === 'streaming');
    next.hangUp();
  });
});

describe('a session\'s stream', () => {
  it('hears of a server of 2026-07-28 too, without any subscription id', async () => {
    const gateway = await start();
    const opened = await gateway.ask(rpc('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'old', version: '1' } }, 0), { headers: { accept: MCP_ACCEPT } });
    const session = { accept: MCP_ACCEPT, mcpSessionId: opened.headers['mcp-session-id'] ?? '', mcpProtocolVersion: '2025-11-25' };
    const reply = gateway.post('', { httpMethod: 'GET', headers: session });
    const own = () => of(a).find(({ body }) => JSON.stringify(body).includes('"old"')); // those of the test before may still come in
    await until(() => own() !== undefined);
    expect(own()?.body['params']).toMatchObject({ notifications: { toolsListChanged: true }, _meta: { 'io.modelcontextprotocol/clientInfo': { name: 'old' } } });
    own()?.response.write(changed('prompts/list_changed'));
    await until(() => heard(reply).length === 1);
    expect(heard(reply)).toEqual([{ jsonrpc: '2.0', method: 'notifications/prompts/list_changed', params: { _meta: {} } }]);
    const before = a.hangUps;
    reply.hangUp();
    await until(() => a.hangUps > before);
  });
});
