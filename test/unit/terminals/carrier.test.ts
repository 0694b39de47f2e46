// What hangs on a connection that carries many messages: the proof of who calls, one session, and the calls without one that a message may cancel.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ServerResponse } from 'node:http';
import type { RunningCall } from '../../../src/engines/mcp-session/types.js';
import type { Carrier } from '../../../src/front/types.js';
import { rpc, startInProcessGateway, toolCall, toolText, type InProcessGateway } from '../../support/gateway-in-process.js';
import { lentMessage, MCP_ACCEPT, RecordedReply } from '../../support/inbound-reply.js';
import { jsonAnswer, resultFor, startScriptedServer, type ScriptedServer } from '../../support/scripted-server.js';
import { until } from '../../support/until.js';

let server: ScriptedServer;
let gateway: InProcessGateway;
beforeAll(async () => {
  server = await startScriptedServer([toolText('echo')]);
  gateway = await startInProcessGateway({ tools: [{ name: 'echo', url: server.url }] });
});
afterAll(async () => {
  await gateway.close();
  await server.close();
});

/** A connection by hand, and a way to send on it. */
function connection() {
  const running = new Set<RunningCall>();
  const sessions: { id: string; version: string; end: () => void }[] = [];
  const proven: number[] = [];
  const carrier: Carrier = {
    running, began: (call) => void running.add(call), over: (call) => void running.delete(call),
    get hasSession() { return sessions.length > 0; },
    openSession: (id, version, end) => void sessions.push({ id, version, end }),
    provenUntil: (expiresMs) => void proven.push(expiresMs),
  };
  const send = (body: string): RecordedReply => {
    const reply = Object.assign(new RecordedReply(), { carrier });
    const mcpSessionId = sessions[0]?.id ?? '';
    const { inbound, expire } = lentMessage(body, { headers: { accept: MCP_ACCEPT, headerless: true, mcpSessionId, mcpProtocolVersion: sessions[0]?.version ?? '' } });
    gateway.gateway.handle(inbound, reply);
    expire();
    return reply;
  };
  return { running, sessions, proven, send };
}

const INITIALIZE = rpc('initialize', { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'x', version: '1' } }, 0);
const cancel = (id: unknown): string => JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id } });
const ended = async (reply: RecordedReply): Promise<RecordedReply> => {
  await reply.finished;
  return reply;
};

describe('a connection of many messages', () => {
  it('is told until when its client has proven who it is, with every message', async () => {
    const { proven, send } = connection();
    await ended(send(toolCall('echo')));
    await ended(send(toolCall('nothing')));
    expect(proven).toEqual([Infinity, Infinity]);
  });

  it('has one session, and a second initialize is refused', async () => {
    const { sessions, send } = connection();
    expect((await ended(send(INITIALIZE))).status).toBe(200);
    expect(sessions).toMatchObject([{ id: expect.stringMatching(/^00/) as string, version: '2025-06-18' }]);
    expect((await ended(send(INITIALIZE))).text).toContain('already_initialized');
    expect(sessions).toHaveLength(1);
  });

  it('ends its session when it ends, after the calls that run', async () => {
    const { sessions, send } = connection();
    await ended(send(INITIALIZE));
    let held: ServerResponse | undefined;
    server.script = (_seen, response) => { held = response; };
    const call = send(toolCall('echo', {}, 'q'));
    await until(() => held !== undefined);
    const [atServer] = [...server.sessions].slice(-1);
    sessions[0]?.end();
    expect(gateway.gateway.report().mcpSessions).toBeGreaterThan(0);
    expect(server.sessions.has(atServer ?? '')).toBe(true);
    if (held !== undefined) jsonAnswer(held, resultFor('"q"', 'late'));
    expect((await ended(call)).text).toContain('late');
    await until(() => !server.sessions.has(atServer ?? ''));
    server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
    expect((await ended(send(toolCall('echo')))).code).toBe('session_not_found');
  });

  it('lets a message cancel a call without a session, which then has no answer', async () => {
    const { running, send } = connection();
    server.script = () => undefined;
    const before = server.of('tools/call').length;
    const [call, other] = [send(toolCall('echo', {}, 'a')), send(toolCall('echo', {}, 'b'))];
    await until(() => server.of('tools/call').length === before + 2);
    expect((await ended(send(cancel('a')))).status).toBe(202);
    await ended(call);
    expect([call.state, call.text, other.state, running.size]).toEqual(['whole', '', 'open', 1]);
    other.hangUp();
    expect(running.size).toBe(0);
  });

  it('refuses an answer to nothing under no id', async () => {
    const { send } = connection();
    await ended(send(INITIALIZE));
    expect((await ended(send('{"jsonrpc":"2.0","id":0,"result":{}}'))).json).toMatchObject({ id: null, error: { data: { reason_code: 'nobody_asked' } } });
  });
});
