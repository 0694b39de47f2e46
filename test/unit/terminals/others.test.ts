// The other ends of the chain through the whole gateway: lists, handshake, notifications, the session's stream and its end.
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerResponse } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { IdentityResult } from '../../../src/engines/identity/types.js';
import type { AuditAppender } from '../../../src/audit/types.js';
import { CALLER, PERMIT_ALL, openSession, rpc, startInProcessGateway, toolText, type InProcessGateway, type InProcessOptions } from '../../support/gateway-in-process.js';
import { MCP_ACCEPT, type RecordedReply } from '../../support/inbound-reply.js';
import { jsonAnswer, sseHead, startScriptedServer, type ScriptedServer } from '../../support/scripted-server.js';
import { startToolServer } from '../../support/tool-server.js';
import { until } from '../../support/until.js';

let a: ScriptedServer;
let b: ScriptedServer;
let running: InProcessGateway | undefined;
beforeAll(async () => {
  [a, b] = await Promise.all([startScriptedServer([]), startScriptedServer([])]);
});
afterAll(() => Promise.all([a.close(), b.close()]));
beforeEach(() => {
  for (const server of [a, b]) Object.assign(server, { seen: [], tools: [toolText(server === a ? 'one' : 'two')], stream: undefined, hangUps: 0 });
});
afterEach(() => running?.close());

async function start(more: Partial<InProcessOptions> = {}): Promise<InProcessGateway> {
  running = await startInProcessGateway({ tools: [{ name: 'one', url: a.url }, { name: 'two', url: b.url }], ...more });
  for (const server of [a, b]) server.seen.length = 0;
  return running;
}
/** Server a's stream opens and says nothing by itself; the answer to write to, once it is open. */
function streamOfA(): () => ServerResponse | undefined {
  let open: ServerResponse | undefined;
  a.stream = (_request, response) => {
    sseHead(response);
    response.flushHeaders();
    open = response;
  };
  return () => open;
}

const listed = (reply: RecordedReply) => (reply.json as { result: { tools: { name: string }[]; _meta?: Record<string, unknown> } }).result;
const names = (reply: RecordedReply): string[] => listed(reply).tools.map(({ name }) => name);

describe('tools/list', () => {
  it('is the union of all servers, each tool in its own bytes', async () => {
    const reply = await (await start()).ask(rpc('tools/list', {}, 'L'));
    expect(names(reply)).toEqual(['one', 'two']);
    expect(reply.text).toContain(toolText('one'));
    expect([(reply.json as { id: unknown }).id, listed(reply)._meta]).toEqual(['L', undefined]);
  });

  it('comes as an event to a client that reads events, where a server answered so; else as JSON', async () => {
    const streaming = await startToolServer({ tools: [toolText('one')], answering: 'sse' });
    try {
      const gateway = await start({ tools: [{ name: 'one', url: streaming.url }] });
      const session = await openSession(gateway);
      const asEvents = await gateway.ask(rpc('tools/list', {}, 7), session);
      expect([asEvents.headers['content-type'], asEvents.events.map((event) => (event as { id: unknown; result: { tools: unknown[] } }).result.tools.length)]).toEqual(['text/event-stream', [1]]);
      expect(gateway.lines().map(({ type }) => type)).toEqual(['request', 'request', 'stream_end']);
      const asJson = await gateway.ask(rpc('tools/list'));
      expect([asJson.headers['content-type'], names(asJson)]).toEqual(['application/json', ['one']]);
      streaming.answering = 'json';
      expect((await gateway.ask(rpc('tools/list'), session)).headers['content-type']).toBe('application/json');
    } finally {
      await streaming.close();
    }
  });

  it('counts what it hides and never names it', async () => {
    const gateway = await start({ policies: [{ ...PERMIT_ALL, text: `package precinct.authz\nimport rego.v1\nallow if { input.method == "tools/list" }\nallow if { input.tool_name == "one" }\n` }] });
    a.tools = [toolText('one'), toolText('stranger')];
    const reply = await gateway.ask(rpc('tools/list'));
    expect([names(reply), listed(reply)._meta]).toEqual([['one'], { 'precinct/hiddenTools': { unregistered: 1, changed: 0, forbidden: 1 } }]);
    expect(reply.text).not.toMatch(/stranger|"two"/);
  });

  it('leaves a tool out whose definition is no longer the registered one', async () => {
    const gateway = await start();
    a.tools = [toolText('one').replace('of the tests', 'that now does more')];
    const reply = await gateway.ask(rpc('tools/list'));
    expect([names(reply), listed(reply)._meta]).toEqual([['two'], { 'precinct/hiddenTools': { unregistered: 0, changed: 1, forbidden: 0 } }]);
    expect(reply.text).not.toContain('does more');
  });

  it('leaves out a tool that another server serves under a registered name', async () => {
    const gateway = await start();
    b.tools = [toolText('two'), toolText('one')];
    expect(names(await gateway.ask(rpc('tools/list')))).toEqual(['one', 'two']);
  });

  it('gathers all pages', async () => {
    const paged = await startToolServer({ tools: ['p1', 'p2', 'p3'].map(toolText), pageSize: 1 });
    running = await startInProcessGateway({ tools: ['p1', 'p2', 'p3'].map((name) => ({ name, url: paged.url })) });
    expect(names(await running.ask(rpc('tools/list')))).toEqual(['p1', 'p2', 'p3']);
    paged.endlessPages = true;
    const endless = await running.ask(rpc('tools/list'));
    expect([endless.status, endless.code]).toEqual([502, 'mcp_invalid_response']);
    await paged.close();
  });

  it('says that a server is down, and serves the rest', async () => {
    const down = await startScriptedServer([toolText('gone')]);
    running = await startInProcessGateway({ tools: [{ name: 'one', url: a.url }, { name: 'gone', url: down.url }] });
    await down.close();
    const reply = await running.ask(rpc('tools/list'));
    expect([names(reply), listed(reply)._meta?.['precinct/upstreamsDown']]).toEqual([['one'], 1]);
  });

  it('is refused when no server can be asked', async () => {
    const down = await startScriptedServer([toolText('gone')]);
    running = await startInProcessGateway({ tools: [{ name: 'gone', url: down.url }] });
    await down.close();
    const reply = await running.ask(rpc('tools/list'));
    expect([reply.status, reply.code]).toEqual([502, 'mcp_transport_failed']);
  });

  it('renews a session that a server lost', async () => {
    const gateway = await start();
    const session = await openSession(gateway);
    expect(names(await gateway.ask(rpc('tools/list'), session))).toEqual(['one', 'two']);
    a.sessions.clear();
    expect(names(await gateway.ask(rpc('tools/list'), session))).toEqual(['one', 'two']);
  });
});

describe('the handshake', () => {
  it('opens a session for its caller, with the servers\' capabilities', async () => {
    const gateway = await start();
    const reply = await gateway.ask(rpc('initialize', { protocolVersion: '1999-01-01', capabilities: {}, clientInfo: { name: 't', version: '1' } }, 'hello'));
    expect(reply.json).toMatchObject({ id: 'hello', result: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'precinct' } } });
    expect(reply.headers['mcp-session-id']).toMatch(/^[0-9a-f]{48}$/);
    expect(a.seen).toEqual([]);
    expect(gateway.lines().at(-1)).toMatchObject({ method: 'initialize', session_id: reply.headers['mcp-session-id'] });
  });

  it('answers a ping itself', async () => {
    expect((await (await start()).ask(rpc('ping', {}, 9))).text).toBe('{"jsonrpc":"2.0","id":9,"result":{}}');
  });

  it('offers both eras to newer clients, whatever its servers speak', async () => {
    const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {}, 'io.modelcontextprotocol/clientInfo': { name: 't', version: '1' } };
    const reply = await (await start()).ask(rpc('server/discover', { _meta: meta }), { headers: { accept: MCP_ACCEPT, mcpProtocolVersion: '2026-07-28', mcpMethod: 'server/discover' } });
    expect([reply.status, reply.json]).toMatchObject([200, { result: { resultType: 'complete', supportedVersions: ['2026-07-28', '2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'], cacheScope: 'private' } }]);
  });

  it('refuses another caller\'s, an unknown and an ended session alike', async () => {
    const gateway = await start();
    const session = await openSession(gateway);
    const unknown = await gateway.ask(rpc('ping'), { headers: { ...session.headers, mcpSessionId: 'f'.repeat(48) } });
    expect((await gateway.ask(rpc('ping'), session)).status).toBe(200);
    expect((await gateway.ask('', { httpMethod: 'DELETE', headers: session.headers ?? {} })).status).toBe(204);
    const ended = await gateway.ask(rpc('ping'), session);
    expect([unknown.status, unknown.code, ended.status, ended.code]).toEqual([404, 'session_not_found', 404, 'session_not_found']);
  });
});

describe('a notification', () => {
  it('goes to the servers of its session and is answered 202', async () => {
    const gateway = await start();
    const session = await openSession(gateway);
    await gateway.ask(rpc('tools/list'), session);
    const sent = '{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}';
    const reply = await gateway.ask(sent, session);
    expect([reply.status, reply.text]).toEqual([202, '']);
    for (const server of [a, b]) expect(server.of('notifications/roots/list_changed').map(({ body }) => body)).toEqual([sent]);
  });

  it('of a caller without a session goes nowhere: the shared session is not theirs to disturb', async () => {
    const gateway = await start();
    await gateway.ask(rpc('tools/list'));
    const reply = await gateway.ask('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}');
    expect([reply.status, a.of('notifications/cancelled')]).toEqual([202, []]);
  });

  it('outside its name space needs a rule like a request', async () => {
    const gateway = await start({ policies: [{ ...PERMIT_ALL, text: `package precinct.authz\nimport rego.v1\nallow if { input.method == "tools/list" }\n` }] });
    expect((await gateway.ask('{"jsonrpc":"2.0","method":"custom/run","params":{}}')).code).toBe('authz_policy_denied');
  });
});

describe('the stream of a session', () => {
  it('needs a session and a client that reads streams', async () => {
    const gateway = await start();
    for (const headers of [{ accept: MCP_ACCEPT }, { accept: '*/*', mcpSessionId: (await openSession(gateway)).headers?.mcpSessionId ?? '' }]) {
      const { status, text } = await gateway.ask('', { httpMethod: 'GET', headers });
      expect(status).toBe(405);
      expect(text).toContain('with POST');
    }
  });

  it('ends with the proof of who listens: nothing is heard after it', async () => {
    const said = streamOfA();
    let nowMs = 1_800_000_000_000;
    const ticks = new Set<() => void>();
    const gateway = await start({
      change: (parts) => ({
        clock: { ...parts.clock, nowMs: () => nowMs },
        every: (_ms, tick) => { ticks.add(tick); return () => void ticks.delete(tick); },
        authenticator: { ...parts.authenticator, authenticate: (...asked) => {
          const result = parts.authenticator.authenticate(...asked) as IdentityResult;
          return result.ok ? { ok: true, caller: { ...result.caller, expiresMs: 1_800_000_060_000 } } : result;
        } },
      }),
    });
    const session = await openSession(gateway);
    const heard = gateway.post('', { httpMethod: 'GET', headers: session.headers ?? {} });
    const idle = gateway.post('', { httpMethod: 'GET', headers: session.headers ?? {} });
    await until(() => said() !== undefined && heard.text !== '' && idle.text !== '');
    for (const tick of ticks) tick();
    expect([heard.state, idle.state]).toEqual(['streaming', 'streaming']);
    nowMs += 60_000;
    said()?.write('data: {"jsonrpc":"2.0","method":"notifications/message","params":{"data":"too late"}}\n\n');
    for (const tick of [...ticks]) tick();
    await until(() => heard.state === 'ended' && idle.state === 'ended');
    expect(heard.text + idle.text).not.toContain('too late');
    expect(gateway.lines().filter(({ type }) => type === 'stream_end').map(({ code }) => code)).toEqual(['auth_invalid_identity', 'auth_invalid_identity']);
  });

  it('passes on what the servers say, screened, and ends upstream when the client goes', async () => {
    const gateway = await start();
    const session = await openSession(gateway);
    const said = streamOfA();
    const reply = gateway.post('', { httpMethod: 'GET', headers: session.headers ?? {} });
    await until(() => said() !== undefined && reply.text !== '');
    const secret = 'AKIA'.concat('AB'.repeat(8));
    const plain = 'id: 1\ndata: {"jsonrpc":"2.0","method":"notifications/message","params":{"data":"hi"}}\n\n';
    said()?.write(plain + `data: {"jsonrpc":"2.0","method":"notifications/message","params":{"data":"${secret}"}}\n\ndata: nonsense\n\ndata: {"jsonrpc":"2.0","id":"q","method":"roots/list"}\n\n`);
    await until(() => reply.text.includes('roots/list'));
    expect(reply.text).toContain(plain);
    expect(reply.text).toContain('[redacted:');
    expect(reply.text).not.toContain(secret);
    expect(reply.text).not.toContain('nonsense');
    expect(gateway.lines().filter(({ type }) => type === 'server_request')).toMatchObject([{ method: 'roots/list', decision: 'ALLOW', server: a.url }]);
    gateway.gateway.announceToolsChanged();
    expect(reply.events.at(-1)).toMatchObject({ method: 'notifications/tools/list_changed' });
    reply.hangUp();
    await until(() => a.hangUps === 1 && gateway.lines().at(-1)?.['type'] === 'stream_end');
    expect(gateway.lines().at(-1)).toMatchObject({ code: 'client_disconnected' });
    gateway.gateway.announceToolsChanged();
  });

  it('that ends by a request that can not be recorded leaves nothing behind', async () => {
    const failing = { now: false };
    const ticks = new Set<() => void>();
    const gateway = await start({
      change: ({ appender, every }) => ({
        appender: {
          get healthy() { return appender.healthy; },
          get because() { return appender.because; },
          append: (line, done) => (failing.now ? setImmediate(() => done(new Error('the disk is full'), undefined)) : appender.append(line, done)),
          appendRequest: (facts, done) => (failing.now ? setImmediate(() => done(new Error('the disk is full'), undefined)) : appender.appendRequest(facts, done)),
          close: () => appender.close(),
        } as AuditAppender,
        every: (ms, tick) => {
          const stop = every(ms, tick);
          ticks.add(tick);
          return () => {
            ticks.delete(tick);
            stop();
          };
        },
      }),
    });
    const session = await openSession(gateway);
    const ticking = ticks.size;
    const said = streamOfA();
    const reply = gateway.post('', { httpMethod: 'GET', headers: session.headers ?? {} });
    await until(() => said() !== undefined && reply.text !== '');
    failing.now = true;
    said()?.write('data: {"jsonrpc":"2.0","id":"q","method":"roots/list"}\n\n');
    await reply.finished;
    expect(reply.state).toBe('cut');
    await until(() => a.hangUps === 1);
    expect(ticks.size).toBe(ticking);
    failing.now = false;
  });

  it('that has ended before a server\'s session is open asks nothing of that server', async () => {
    const gateway = await start();
    const session = await openSession(gateway);
    let open: () => void = () => undefined;
    const held = new Promise<void>((resolve) => { open = resolve; });
    a.delayHandshake = () => held;
    let streams = 0;
    a.stream = (_request, response) => {
      streams++;
      sseHead(response);
      response.flushHeaders();
    };
    const reply = gateway.post('', { httpMethod: 'GET', headers: session.headers ?? {} });
    await until(() => a.of('initialize').length === 1);
    gateway.gateway.endStreams();
    await reply.finished;
    open();
    a.delayHandshake = undefined;
    await sleep(50);
    expect(streams).toBe(0);
  });

  it('lets two servers ask under one id only one after the other', async () => {
    const gateway = await start();
    const session = await openSession(gateway);
    const ask = 'data: {"jsonrpc":"2.0","id":1,"method":"roots/list"}\n\n';
    a.stream = (_request, response) => {
      sseHead(response);
      response.write(ask);
    };
    b.stream = (_request, response) => {
      sseHead(response);
      void until(() => gateway.lines().some(({ type }) => type === 'server_request')).then(() => response.write(ask));
    };
    const reply = gateway.post('', { httpMethod: 'GET', headers: session.headers ?? {} });
    await until(() => gateway.lines().filter(({ type }) => type === 'server_request').length === 2);
    expect(gateway.lines().filter(({ type }) => type === 'server_request')).toMatchObject([{ server: a.url, decision: 'ALLOW' }, { server: b.url, decision: 'DENY' }]);
    expect(reply.events.filter((event) => (event as { method?: string }).method === 'roots/list')).toHaveLength(1);
    expect((await gateway.ask('{"jsonrpc":"2.0","id":1,"result":{"roots":[]}}', session)).status).toBe(202);
    expect([a, b].map((server) => server.seen.filter(({ body }) => body.includes('"roots":[]')).length)).toEqual([1, 0]);
    reply.hangUp();
    await until(() => gateway.lines().at(-1)?.['type'] === 'stream_end');
  });
});

describe('the end of a session', () => {
  it('ends its sessions with the servers as well', async () => {
    const gateway = await start();
    const session = await openSession(gateway);
    await gateway.ask(rpc('tools/list'), session);
    expect((await gateway.ask('', { httpMethod: 'DELETE', headers: session.headers ?? {} })).status).toBe(204);
    await until(() => [a, b].every((server) => server.seen.some(({ httpMethod }) => httpMethod === 'DELETE')));
    expect(gateway.lines().filter(({ method }) => method === 'DELETE')).toMatchObject([{ spiffe_id: CALLER, decision: 'ALLOW', status: 204 }]);
  });

  it('needs a session', async () => {
    expect((await (await start()).ask('', { httpMethod: 'DELETE' })).status).toBe(405);
  });
});

describe('other methods', () => {
  it('go to the only server there is, and to none that does not declare them', async () => {
    const gateway = await start();
    const reply = await gateway.ask(rpc('resources/read', { uri: 'file:///x' }));
    expect([reply.status, reply.json]).toMatchObject([404, { error: { code: -32601 } }]);
    await gateway.close();
    running = await startInProcessGateway({ tools: [{ name: 'one', url: a.url }] });
    a.script = ({ idText }, response) => jsonAnswer(response, `{"jsonrpc":"2.0","id":${idText},"result":{"contents":[]}}`);
    expect((await running.ask(rpc('resources/read', { uri: 'file:///x' }))).json).toMatchObject({ id: 1, result: { contents: [] } });
  });
});
