// A tool server that ends an answer's stream before the answer: the gateway asks for the rest wherever its client can't.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RunningCall } from '../../../src/engines/mcp-session/types.js';
import type { Carrier } from '../../../src/front/types.js';
import { openSession, startInProcessGateway, toolCall, toolText, type InProcessGateway } from '../../support/gateway-in-process.js';
import { lentMessage, MCP_ACCEPT, RecordedReply } from '../../support/inbound-reply.js';
import { resultFor, sseHead, startScriptedServer, type ScriptedRequest, type ScriptedServer } from '../../support/scripted-server.js';
import { until } from '../../support/until.js';

const PRIMING = 'id: a-1\nretry: 1\ndata: \n\n';
const CLIENT = { headers: { accept: MCP_ACCEPT } };

let server: ScriptedServer;
let other: ScriptedServer;
let one: InProcessGateway;
let several: InProcessGateway;
beforeAll(async () => {
  server = await startScriptedServer([toolText('echo')]);
  other = await startScriptedServer([toolText('second')]);
  one = await startInProcessGateway({ tools: [{ name: 'echo', url: server.url }] });
  several = await startInProcessGateway({ tools: [{ name: 'echo', url: server.url }, { name: 'second', url: other.url }] });
});
afterAll(async () => {
  await Promise.all([one.close(), several.close()]);
  await Promise.all([server.close(), other.close()]);
});

let idText = '';
const resumed = (): ScriptedRequest[] => server.seen.filter(({ headers }) => headers['last-event-id'] !== undefined);
beforeEach(() => {
  server.seen.length = 0;
  server.script = (request, response) => {
    idText = request.idText;
    sseHead(response);
    response.end(`${PRIMING}data: {"jsonrpc`);
  };
  server.stream = ({ headers }, response) => {
    sseHead(response);
    if (headers['last-event-id'] === 'a-1') response.end('id: a-2\ndata: \n\n');
    else if (headers['last-event-id'] === 'a-2') response.end(`data: ${resultFor(idText, 'the rest')}\n\n`);
  };
});

/** A WebSocket's, or a stream's of HTTP+SSE. */
function carried(gateway: InProcessGateway, body: string, mcpSessionId = ''): RecordedReply {
  const running = new Set<RunningCall>();
  const carrier: Carrier = { running, began: (call) => void running.add(call), over: (call) => void running.delete(call), hasSession: mcpSessionId !== '', openSession: () => undefined, provenUntil: () => undefined };
  const reply = Object.assign(new RecordedReply(), { carrier });
  const { inbound, expire } = lentMessage(body, { headers: { accept: MCP_ACCEPT, headerless: true, mcpSessionId, mcpProtocolVersion: mcpSessionId === '' ? '' : '2025-11-25' } });
  gateway.gateway.handle(inbound, reply);
  expire();
  return reply;
}

describe('the rest of a stream that ended before its answer', () => {
  it('reaches a client without a session, on the stream that it has', async () => {
    const reply = await one.ask(toolCall('echo', {}, 'mine'), CLIENT);
    expect(reply.events.at(-1)).toMatchObject({ id: 'mine', result: { content: [{ text: 'the rest' }] } });
    expect(resumed().map(({ headers }) => headers['last-event-id'])).toEqual(['a-1', 'a-2']);
    expect(new Set(resumed().map(({ headers }) => headers['mcp-session-id']))).toEqual(new Set([server.of('tools/call')[0]?.headers['mcp-session-id']]));
  });

  it('reaches a caller that reads one document', async () => {
    const reply = await one.ask(toolCall('echo', {}, 7));
    expect(reply.json).toMatchObject({ id: 7, result: { content: [{ text: 'the rest' }] } });
  });

  it('reaches a WebSocket\'s client, which was never told an event\'s id', async () => {
    const { headers } = await openSession(one);
    const reply = carried(one, toolCall('echo', {}, 'mine'), headers?.mcpSessionId);
    await until(() => reply.state === 'ended');
    expect(reply.events.at(-1)).toMatchObject({ id: 'mine', result: { content: [{ text: 'the rest' }] } });
  });

  it('reaches the client of a session behind several servers', async () => {
    const reply = await several.ask(toolCall('echo', {}, 'mine'), await openSession(several));
    expect(reply.events.at(-1)).toMatchObject({ id: 'mine', result: { content: [{ text: 'the rest' }] } });
  });

  it('is asked for five times in a row at the most', async () => {
    server.stream = (_request, response) => {
      sseHead(response);
      response.end(': nothing yet\n\n');
    };
    const reply = await one.ask(toolCall('echo', {}, 'mine'), CLIENT);
    expect(reply.events.at(-1)).toMatchObject({ id: 'mine', error: { data: { code: 'mcp_invalid_response', reason_code: 'stream_ended_without_answer' } } });
    expect(resumed()).toHaveLength(5);
  });

  it('is not asked for when the client has hung up', async () => {
    server.script = (_request, response) => {
      sseHead(response);
      response.end(PRIMING.replace('retry: 1\n', 'retry: 100\n'));
    };
    const reply = one.post(toolCall('echo', {}, 'mine'), CLIENT);
    await until(() => reply.text.includes('a-1'));
    reply.hangUp();
    await sleep(200);
    expect(resumed()).toHaveLength(0);
  });

  it('is left to the client of a session that hung up before the server ended: the server gives it once', async () => {
    let end = (): void => undefined;
    server.script = (_request, response) => {
      sseHead(response);
      response.write(PRIMING);
      end = () => void response.end();
    };
    const reply = several.post(toolCall('echo', {}, 'mine'), await openSession(several));
    await until(() => reply.text.includes('a-1'));
    reply.hangUp();
    end();
    await sleep(300);
    expect(resumed()).toHaveLength(0);
  });

  it.each([['ends its stream', ''], ['has ended it', PRIMING]])('of a caller that reads one document and hung up ends in its record, where the server %s without an answer', async (_how, part) => {
    let end = (): void => undefined;
    server.script = (_request, response) => {
      sseHead(response);
      response.flushHeaders();
      end = () => void response.end(part);
    };
    server.stream = (_request, response) => void response.writeHead(404).end();
    const session = await openSession(several);
    const before = several.lines().length;
    const reply = several.post(toolCall('echo', {}, 'mine'), { ...session, headers: { ...session.headers, accept: 'application/json' } });
    await until(() => server.of('tools/call').length === 1);
    reply.hangUp();
    end();
    await until(() => several.lines().length > before);
    expect(several.lines().slice(before)).toMatchObject([{ type: 'request', decision: 'ALLOW', code: 'mcp_invalid_response', reason_code: 'stream_ended_without_answer', status: 499 }]);
  });

  it('is all that passes of a session which several callers share', async () => {
    server.stream = (_request, response) => {
      sseHead(response);
      response.write('data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"of another"}}\n\n');
      response.end(`data: ${resultFor('99999', 'of another')}\n\ndata: ${resultFor(idText, 'the rest')}\n\n`);
    };
    const reply = await one.ask(toolCall('echo', {}, 'mine'), CLIENT);
    expect(reply.events.at(-1)).toMatchObject({ id: 'mine', result: { content: [{ text: 'the rest' }] } });
    expect(reply.text).not.toContain('of another');
  });

  it('is asked for again when the connection breaks', async () => {
    let tries = 0;
    server.stream = (_request, response) => {
      tries += 1;
      if (tries === 1) return void response.destroy();
      sseHead(response);
      response.end(`data: ${resultFor(idText, 'the rest')}\n\n`);
    };
    expect((await one.ask(toolCall('echo', {}, 'mine'), CLIENT)).events.at(-1)).toMatchObject({ id: 'mine', result: { content: [{ text: 'the rest' }] } });
    expect(tries).toBe(2);
  });
});
