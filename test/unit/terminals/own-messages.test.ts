// The messages the gateway makes itself, as the official SDKs of both eras read them.
import { InitializeResultSchema, JSONRPCMessageSchema, ListToolsResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { isSpecType } from '@modelcontextprotocol/server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rpc, startInProcessGateway, toolCall, toolText, type InProcessGateway } from '../../support/gateway-in-process.js';
import { MCP_ACCEPT } from '../../support/inbound-reply.js';
import { startScriptedServer, type ScriptedServer } from '../../support/scripted-server.js';
import { MODERN_META, modernRequest } from './modern-fixture.js';

let server: ScriptedServer;
let gateway: InProcessGateway;
beforeAll(async () => {
  server = await startScriptedServer([toolText('one')]);
  gateway = await startInProcessGateway({ tools: [{ name: 'one', url: server.url }] });
});
afterAll(async () => {
  await gateway.close();
  await server.close();
});

interface Message { readonly result?: unknown; readonly error?: unknown; readonly params?: unknown }
async function ask({ body, posted }: ReturnType<typeof modernRequest>): Promise<Message> {
  return (await gateway.ask(body, posted)).json as Message;
}

describe('of 2026-07-28', () => {
  it('are what the specification says they are', async () => {
    const discovered = await ask(modernRequest('server/discover'));
    const listed = await ask(modernRequest('tools/list'));
    expect([isSpecType.DiscoverResult(discovered.result), isSpecType.ListToolsResult(listed.result)]).toEqual([true, true]);
    expect(discovered.result).toMatchObject({ resultType: 'complete', ttlMs: expect.any(Number) as number, cacheScope: 'private' });
    const { body, posted } = modernRequest('subscriptions/listen', { notifications: {} });
    const [acknowledged, closed] = (await gateway.ask(body, posted)).events as Message[];
    expect([isSpecType.SubscriptionsAcknowledgedNotification(acknowledged), isSpecType.SubscriptionsListenResult(closed?.result)]).toEqual([true, true]);
  });

  it('have in their errors the data that a client needs to go on', async () => {
    const version = { ...MODERN_META, 'io.modelcontextprotocol/protocolVersion': '1900-01-01' };
    const unsupported = await gateway.ask(rpc('tools/list', { _meta: version }), { headers: { accept: MCP_ACCEPT, mcpProtocolVersion: '1900-01-01', mcpMethod: 'tools/list' } });
    expect([unsupported.status, unsupported.json]).toMatchObject([400, { id: 1, error: { code: -32022, data: { supported: ['2026-07-28'], requested: '1900-01-01' } } }]);
    const { body, posted } = modernRequest('tools/call', { name: 'one' });
    const mismatch = await gateway.ask(body, { headers: { ...posted.headers, mcpName: 'other' } });
    expect([mismatch.status, mismatch.json]).toMatchObject([400, { error: { code: -32020 } }]);
    for (const { json } of [unsupported, mismatch]) expect(isSpecType.JSONRPCErrorResponse(json)).toBe(true);
  });
});

describe('of the eras before', () => {
  it('are what the specification says they are', async () => {
    const opened = (await gateway.ask(rpc('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } }), { headers: { accept: MCP_ACCEPT } })).json as Message;
    const listed = (await gateway.ask(rpc('tools/list'), { headers: { accept: MCP_ACCEPT } })).json as Message;
    const refused = (await gateway.ask(toolCall('unknown'), { headers: { accept: MCP_ACCEPT } })).json as Message;
    for (const message of [opened, listed, refused]) expect(JSONRPCMessageSchema.safeParse(message).success).toBe(true);
    expect([InitializeResultSchema.safeParse(opened.result).success, ListToolsResultSchema.safeParse(listed.result).success]).toEqual([true, true]);
  });
});
