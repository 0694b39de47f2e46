// A refusal says what the client's own era has instead, through the whole gateway: what it names exists for who reads it.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ERRORS } from '../../../src/base/errors/table.js';
import { counterpartOf } from '../../../src/mcp/counterparts.js';
import { METHODS } from '../../../src/mcp/methods.js';
import { rpc, startInProcessGateway, toolCall, toolText, type InProcessGateway, type InProcessOptions } from '../../support/gateway-in-process.js';
import { MCP_ACCEPT, type Posted, type RecordedReply } from '../../support/inbound-reply.js';
import { jsonAnswer, startScriptedServer, type ScriptedServer } from '../../support/scripted-server.js';
import { modernRequest } from './modern-fixture.js';

let modern: ScriptedServer;
let legacy: ScriptedServer;
let running: InProcessGateway | undefined;
beforeAll(async () => {
  [modern, legacy] = await Promise.all([startScriptedServer([]), startScriptedServer([])]);
  Object.assign(modern, { tools: [toolText('new')], modernOnly: { tools: {}, resources: { subscribe: true }, tasks: {} } });
  Object.assign(legacy, { tools: [toolText('old')] });
});
afterAll(() => Promise.all([modern.close(), legacy.close()]));
afterEach(() => running?.close());

async function start(more: Partial<InProcessOptions> = {}): Promise<InProcessGateway> {
  running = await startInProcessGateway({ tools: [{ name: 'new', url: modern.url }, { name: 'old', url: legacy.url }], ...more });
  return running;
}
async function openSession(gateway: InProcessGateway): Promise<Posted> {
  const reply = await gateway.ask(rpc('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } }, 0), { headers: { accept: MCP_ACCEPT } });
  return { headers: { accept: MCP_ACCEPT, mcpSessionId: reply.headers['mcp-session-id'] ?? '', mcpProtocolVersion: '2025-11-25' } };
}
const remedyOf = (reply: RecordedReply): string => (reply.json as { error: { data: { remediation: string } } }).error.data.remediation;
const without = (era: 'legacy' | 'modern'): string[] => [...METHODS].filter(([, { kind, sender, eras }]) => kind === 'request' && sender !== 'server' && !eras.includes(era)).map(([method]) => method);
const OF_SESSIONS = /initialize|session/i;

describe('a client of 2026-07-28', () => {
  it.each(without('modern'))('is told what it has in place of %s', async (method) => {
    const { body, posted } = modernRequest(method, { uri: 'file:///a', taskId: 't', level: 'info' });
    const reply = await (await start()).ask(body, posted);
    expect(reply).toMatchObject({ status: 404, json: { error: { code: -32601, message: `${method} is no method of 2026-07-28.` } } });
    expect([remedyOf(reply), OF_SESSIONS.test(remedyOf(reply))]).toEqual([counterpartOf(method), false]);
  });

  it.each(['GET', 'DELETE'] as const)('is sent to no session by %s', async (httpMethod) => {
    const gateway = await start();
    for (const mcpSessionId of ['', (await openSession(gateway)).headers?.mcpSessionId ?? '']) {
      const reply = await gateway.ask('', { httpMethod, headers: { accept: MCP_ACCEPT, mcpProtocolVersion: '2026-07-28', mcpSessionId } });
      expect(reply).toMatchObject({ status: 405, headers: { allow: 'POST' } });
      expect(reply.text).not.toMatch(/Mcp-Session-Id|initialize/);
      expect(OF_SESSIONS.test(remedyOf(reply))).toBe(false);
    }
  });

  it('is told where its answers go, and how a subscription is read', async () => {
    const gateway = await start();
    expect(remedyOf(await gateway.ask('{"jsonrpc":"2.0","id":1,"result":{}}', { headers: { accept: MCP_ACCEPT, mcpProtocolVersion: '2026-07-28' } }))).toContain('inputResponses');
    const { body, posted } = modernRequest('subscriptions/listen', { notifications: { toolsListChanged: true } }, { accept: 'application/json' });
    expect(remedyOf(await gateway.ask(body, posted))).toContain('text/event-stream');
  });
});

describe('a client with a handshake', () => {
  it.each(without('legacy').filter((method) => method !== 'server/discover'))('is told what it has in place of %s', async (method) => {
    const gateway = await start();
    const reply = await gateway.ask(rpc(method, { taskId: 't' }), await openSession(gateway));
    expect(reply).toMatchObject({ status: 200, json: { error: { code: -32601, message: `This protocol version has no ${method}.` } } });
    expect([remedyOf(reply), /_meta|2026|discover/.test(remedyOf(reply))]).toEqual([counterpartOf(method), false]);
  });

  it('is told what to do about each other refusal that is no fault of its JSON', async () => {
    modern.script = ({ idText }, response) => jsonAnswer(response, `{"jsonrpc":"2.0","id":${idText},"result":{"resultType":"task","taskId":"t"}}`);
    const gateway = await start({ config: ['session: {initialize_bytes_max: 1024}'] });
    const session = await openSession(gateway);
    await gateway.ask(toolCall('new'), session);
    const remedies = [
      await gateway.ask('{"jsonrpc":"2.0","id":1,"result":{}}', session),
      await gateway.ask(rpc('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x'.repeat(2000), version: '1' } })),
      await gateway.ask(rpc('resources/subscribe', { uri: 'file:///a' })),
      await gateway.ask(rpc('tasks/result', { taskId: 't' }), session),
    ].map(remedyOf);
    expect(remedies).toEqual([expect.stringContaining('stream'), expect.stringContaining('session.initialize_bytes_max'), expect.stringContaining('initialize'), expect.stringContaining('own version')]);
    expect(remedies).not.toContain(ERRORS.mcp_invalid_request.remediation);
  });
});
