// docs/mcp.md says of every method what the code does with it.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { METHODS } from '../../src/mcp/methods.js';
import { rpc, startInProcessGateway, toolText, type InProcessGateway } from '../support/gateway-in-process.js';
import { MCP_ACCEPT } from '../support/inbound-reply.js';
import { jsonAnswer, startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';
import { modernRequest } from '../unit/terminals/modern-fixture.js';

const PAGE = readFileSync('docs/mcp.md', 'utf8');
const ROWS = [...PAGE.matchAll(/^\| `([\w/]+)` \| (legacy|modern|both) \| (.+) \| (.+) \|$/gm)].map(([, method = '', era = '', up = '', down = '']) => ({ method, era, up, down }));
const METHOD_NOT_FOUND = -32601;
/** A task goes to the server it came from: without one there is nothing to ask. */
const ASKED = ROWS.filter(({ method }) => !method.startsWith('tasks/'));

async function codesOf(modern: boolean, ask: (gateway: InProcessGateway, server: ScriptedServer) => Promise<void>): Promise<void> {
  const server = await startScriptedServer([toolText('one')]);
  if (modern) server.modernOnly = { tools: {}, prompts: {}, resources: { subscribe: true }, completions: {}, logging: {}, tasks: {} };
  server.script = ({ idText, method }, response) => {
    const none = modern && METHODS.get(method)?.eras.includes('modern') === false;
    jsonAnswer(response, `{"jsonrpc":"2.0","id":${idText},${none ? '"error":{"code":-32601,"message":"no"}' : '"result":{"prompts":[],"resources":[],"resourceTemplates":[],"tasks":[],"content":[]}'}}`, none ? 404 : 200);
  };
  const gateway = await startInProcessGateway({ tools: [{ name: 'one', url: server.url }] });
  await ask(gateway, server);
  await gateway.close();
  await server.close();
}
const paramsOf = (method: string): Record<string, unknown> => ({ ...(method.startsWith('resources/') ? { uri: 'file:///a' } : { name: 'one' }), level: 'info', notifications: {}, ref: { type: 'ref/prompt', name: 'one' }, argument: { name: 'a', value: 'b' }, ...(method === 'initialize' ? { protocolVersion: '2025-11-25' } : {}) });
const codeOf = (json: unknown): unknown => (json as { error?: { code?: unknown } }).error?.code;

describe('the table of methods', () => {
  it('has every method that a client sends, of its eras', () => {
    const asked = [...METHODS].filter(([, row]) => row.kind === 'request' && row.sender !== 'server').map(([method, { eras }]) => [method, eras.length === 2 ? 'both' : eras[0]]);
    expect(ROWS.map(({ method, era }) => [method, era])).toEqual(asked);
  });

  it('says what becomes of each from a client with a handshake at a server of 2026-07-28', () => codesOf(true, async (gateway, server) => {
    const opened = await gateway.ask(rpc('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } }), { headers: { accept: MCP_ACCEPT } });
    const headers = { accept: MCP_ACCEPT, mcpProtocolVersion: '2025-11-25', mcpSessionId: opened.headers['mcp-session-id'] ?? '' };
    for (const { method, up } of ASKED) {
      server.seen.length = 0;
      const { text, json } = await gateway.ask(rpc(method, paramsOf(method)), { headers });
      expect([method, codeOf(json)]).toEqual([method, up === '−32601' ? METHOD_NOT_FOUND : undefined]);
      if (up === '-') expect([method, server.of(method).length > 0]).toEqual([method, true]);
      expect(text).not.toBe('');
    }
  }));

  it('says what becomes of each from a client of 2026-07-28 at a server with a handshake', () => codesOf(false, async (gateway, server) => {
    for (const { method, down } of ASKED) {
      server.seen.length = 0;
      const { body, posted } = modernRequest(method, paramsOf(method), { accept: method === 'subscriptions/listen' ? MCP_ACCEPT : 'application/json' });
      const reply = await gateway.ask(body, posted);
      if (method !== 'subscriptions/listen') expect([method, codeOf(reply.json)]).toEqual([method, down === '−32601' ? METHOD_NOT_FOUND : undefined]);
      if (down === '-') expect([method, server.of(method).length > 0]).toEqual([method, true]);
    }
  }));
});
