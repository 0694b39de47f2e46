// What a session's client is told is kept before it is told: that it is open, that it has ended.
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { SessionKeeper } from '../../src/engines/mcp-session/types.js';
import { rpc, startInProcessGateway, toolCall, toolText, type InProcessGateway } from '../support/gateway-in-process.js';
import { MCP_ACCEPT, type RecordedReply } from '../support/inbound-reply.js';
import { startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';

let server: ScriptedServer;
let gateway: InProcessGateway;
/** Answers of the store that are still to come. */
let waiting: { readonly go: () => void; readonly fail: () => void }[];
let holds: boolean;

beforeEach(async () => {
  [waiting, holds] = [[], false];
  const held = (kept: () => Promise<void>): Promise<void> => (holds ? new Promise<void>((resolve, reject) => void waiting.push({ go: resolve, fail: () => reject(new Error('disk full')) })).then(kept) : kept());
  server = await startScriptedServer([toolText('echo')]);
  gateway = await startInProcessGateway({
    tools: [{ name: 'echo', url: server.url }], config: ['session: {mcp_sessions_per_caller_max: 2}'],
    change: ({ keeper }): { keeper: SessionKeeper } => ({ keeper: { ...keeper, keep: (session) => held(() => keeper.keep(session)), end: (serial) => held(() => keeper.end(serial)) } }),
  });
});
afterEach(async () => {
  await gateway.close();
  await server.close();
});

const CLIENT = { headers: { accept: MCP_ACCEPT } };
const GREETING = rpc('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } });
const turns = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));
const inSession = (id: string | undefined) => ({ headers: { accept: MCP_ACCEPT, mcpSessionId: id ?? '', mcpProtocolVersion: '2025-11-25' } });
async function opened(): Promise<string | undefined> {
  return (await gateway.ask(GREETING, CLIENT)).headers['mcp-session-id'];
}
const end = (id: string | undefined): RecordedReply => gateway.post('', { ...inSession(id), httpMethod: 'DELETE' });

it('a session is named when it is kept, not before', async () => {
  holds = true;
  const reply = gateway.post(GREETING, CLIENT);
  await turns();
  expect([waiting.length, reply.sends]).toEqual([1, 0]);
  waiting.shift()?.go();
  await reply.finished;
  expect([reply.status, reply.headers['mcp-session-id']?.length]).toEqual([200, 48]);
});

it('a session that can\'t be kept is not opened, and takes no place', async () => {
  const kept = await opened();
  holds = true;
  const reply = gateway.post(GREETING, CLIENT);
  waiting.shift()?.fail();
  await reply.finished;
  expect([reply.headers['mcp-session-id'], reply.text.includes('session_not_kept')]).toEqual([undefined, true]);
  holds = false;
  const next = await opened();
  for (const id of [kept, next]) expect((await gateway.ask(toolCall('echo'), inSession(id))).text).toContain('fine');
  expect(gateway.gateway.report().mcpSessions).toBe(2);
});

it('an end is answered when no restart brings the session back, not before', async () => {
  const id = await opened();
  holds = true;
  const reply = end(id);
  await turns();
  expect([waiting.length, reply.sends]).toEqual([1, 0]);
  waiting.shift()?.go();
  await reply.finished;
  expect([reply.status, (await gateway.ask(toolCall('echo'), inSession(id))).status]).toEqual([204, 404]);
});

it('an end that can\'t be kept is refused, and the session goes on', async () => {
  const id = await opened();
  holds = true;
  const reply = end(id);
  waiting.shift()?.fail();
  await reply.finished;
  expect(reply.text).toContain('session_not_ended');
  expect((await gateway.ask(toolCall('echo'), inSession(id))).text).toContain('fine');
});
