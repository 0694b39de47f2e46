// Mcp-Param-* through the whole gateway: compared with the arguments, passed on, and made where the client has none to send.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { CALLER, rpc, startInProcessGateway, type InProcessGateway } from '../../support/gateway-in-process.js';
import { MCP_ACCEPT } from '../../support/inbound-reply.js';
import { startScriptedServer, type ScriptedServer } from '../../support/scripted-server.js';
import { modernRequest } from './modern-fixture.js';

const DAY_S = 86_400;
const SECRET = 'correct horse battery staple';
const TEXT = '{"name":"marked","description":"","inputSchema":{"type":"object","properties":{"where":{"type":"string","x-mcp-header":"Where"},"key":{"type":"string","x-mcp-header":"Key"}}}}';

let server: ScriptedServer;
let gateway: InProcessGateway;
beforeAll(async () => {
  server = await startScriptedServer([TEXT]);
  server.modernOnly = { tools: {} };
  gateway = await startInProcessGateway({ tools: [{ name: 'marked', url: server.url, text: TEXT, more: ['required_scope: vault'] }] });
});
afterAll(async () => {
  await gateway.close();
  await server.close();
});
beforeEach(() => { server.seen.length = 0; });

const call = (args: unknown, forwarded: readonly (readonly [string, string])[]) => modernRequest('tools/call', { name: 'marked', arguments: args }, { forwarded });

it('go on as they came where they are true, with those that nobody knows', async () => {
  const { body, posted } = call({ where: 'é' }, [['mcp-param-where', '=?base64?w6k=?='], ['mcp-param-other', 'x']]);
  expect((await gateway.ask(body, posted)).status).toBe(200);
  expect(server.of('tools/call')[0]?.headers).toMatchObject({ 'mcp-param-where': '=?base64?w6k=?=', 'mcp-param-other': 'x' });
});

it.each([['false', [['mcp-param-where', 'b']]], ['missing', []], ['twice', [['mcp-param-where', 'a'], ['mcp-param-where', 'a']]]] as const)('are refused where one is %s: nothing reaches the server', async (_what, forwarded) => {
  const { body, posted } = call({ where: 'a' }, forwarded);
  const reply = await gateway.ask(body, posted);
  expect([reply.status, reply.json]).toMatchObject([400, { id: 1, error: { code: -32020, data: { header: 'Mcp-Param-where' } } }]);
  expect(server.of('tools/call')).toEqual([]);
  expect(gateway.lines().at(-1)).toMatchObject({ decision: 'DENY', code: 'mcp_invalid_request', tool: 'marked' });
});

it('need not come from a client with a handshake, but must be true', async () => {
  const body = rpc('tools/call', { name: 'marked', arguments: { where: 'a' } });
  expect((await gateway.ask(body, { headers: { accept: MCP_ACCEPT } })).status).toBe(200);
  expect(server.of('tools/call')[0]?.headers).toMatchObject({ 'mcp-param-where': 'a' });
  expect(await gateway.ask(body, { headers: { accept: MCP_ACCEPT, forwarded: [['mcp-param-where', 'b']] } })).toMatchObject({ status: 400, json: { error: { code: -32020 } } });
});

it('are made for a client of 2026-07-28 that speaks over WebSocket, where no message has headers', async () => {
  const { body, posted } = call({ where: 'a' }, []);
  expect((await gateway.ask(body, { ...posted, headers: { ...posted.headers, headerless: true } })).status).toBe(200);
  expect(server.of('tools/call')[0]?.headers).toMatchObject({ 'mcp-param-where': 'a' });
});

it('say what the server is sent where a secret was put in', async () => {
  gateway.secrets.put('key', CALLER, 'vault', SECRET, Date.now());
  const { ref } = gateway.secrets.issue('key', DAY_S, Date.now());
  const reference = `$SPIKE{ref:${ref}}`;
  const { body, posted } = call({ key: reference }, [['mcp-param-key', reference]]);
  expect((await gateway.ask(body, posted)).status).toBe(200);
  const [seen] = server.of('tools/call');
  expect(seen?.headers['mcp-param-key']).toBe(SECRET);
  expect(seen?.body).toContain(SECRET);
});
