// One request to one tool server and its answer, through the whole gateway and a real connection: bytes, ids, sessions, what the answer holds.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { toolCall } from '../../support/gateway-in-process.js';
import type { RecordedReply } from '../../support/inbound-reply.js';
import { jsonAnswer, resultFor, sseHead } from '../../support/scripted-server.js';
import { until } from '../../support/until.js';
import { CREDENTIAL, calls, event, lastLines, note, openSession, resetBreaker, running, server, start } from './call-fixture.js';

describe('a call in a session', () => {
  it('goes upstream byte for byte, and so does its answer back', async () => {
    const session = await openSession();
    const answer = '{ "result" : {"content":[], "x": 1.500e0, "big": 12345678901234567890}, "jsonrpc":"2.0" ,"id":  "a\\u0041" }';
    server.script = (_request, response) => jsonAnswer(response, answer);
    const sent = '{"jsonrpc": "2.0",\n "method":"tools/call", "params":{ "arguments":{"n":1.0e2} ,"name":"plain"}, "id":"a\\u0041" }';
    const reply = await running.ask(sent, session);
    expect([calls().map(({ body }) => body), reply.text, reply.status]).toEqual([[sent], answer, 200]);
  });

  it('is sent again, whole, on a new session when the server lost the old one, and only once', async () => {
    const session = await openSession();
    await running.ask(toolCall('plain'), session);
    server.sessions.clear();
    server.seen.length = 0;
    const sent = toolCall('plain', { text: 'kept' }, 'again');
    const reply = await running.ask(sent, session);
    expect([reply.status, (reply.json as { id: unknown }).id]).toEqual([200, 'again']);
    expect(calls().map(({ body }) => body)).toEqual([sent, sent]);
    server.seen.length = 0;
    server.sessions.clear();
    server.script = (_request, response) => jsonAnswer(response, '{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}', 404);
    const lost = await running.ask(sent, session);
    expect([calls().length, lost.status]).toEqual([2, 404]);
  });

  it('is told with 200 what its server says of it with another status, once: the client would take 404 for the end of its session', async () => {
    const session = await openSession();
    await running.ask(toolCall('plain'), session);
    for (const [status, code] of [[404, -32601], [400, -32602], [403, -32003]] as const) {
      server.seen.length = 0;
      server.script = ({ idText }, response) => jsonAnswer(response, `{"jsonrpc":"2.0","id":${idText},"error":{"code":${code},"message":"m"}}`, status);
      expect(await running.ask(toolCall('plain', {}, 7), session)).toMatchObject({ status: 200, json: { id: 7, error: { code } } });
      expect([calls().length, server.of('initialize').length]).toEqual([1, 0]);
      expect((await running.ask(toolCall('plain'))).status).toBe(status); // without a session it has nothing to take it for
    }
  });

  it('is sent again where 404 comes with anything but an unknown method', async () => {
    const session = await openSession();
    await running.ask(toolCall('plain'), session);
    for (const body of ['Not Found', '', '{"error":{"code":-32601}}', '{"jsonrpc":"2.0","id":7,"error":{"code":-32001,"message":"Session not found"}}', '{"jsonrpc":"2.0","id":8,"error":{"code":-32601,"message":"m"}}']) {
      server.seen.length = 0;
      server.script = ({ idText }, response) => (calls().length === 1 ? jsonAnswer(response, body, 404) : jsonAnswer(response, resultFor(idText, 'fine')));
      expect((await running.ask(toolCall('plain', {}, 7), session)).status).toBe(200);
      expect([calls().length, server.of('initialize').length]).toEqual([2, 1]);
    }
  });

  it('makes one new session for all who lost the old one together', async () => {
    const session = await openSession();
    await running.ask(toolCall('plain'), session);
    server.sessions.clear();
    server.seen.length = 0;
    const replies = await Promise.all([1, 2, 3, 4].map((id) => running.ask(toolCall('plain', {}, id), session)));
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(server.of('initialize').length).toBe(1);
  });
});

describe('a cancelled call whose lost session is being renewed', () => {
  it('is not sent after it was refused', async () => {
    const session = await openSession();
    await running.ask(toolCall('plain'), session);
    server.sessions.clear();
    server.seen.length = 0;
    let open: () => void = () => undefined;
    const held = new Promise<void>((resolve) => { open = resolve; });
    server.delayHandshake = () => held;
    const reply = running.post(toolCall('plain', {}, 'mine'), session);
    await until(() => server.of('initialize').length === 1);
    await running.ask('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"mine"}}', session).catch(() => undefined);
    await reply.finished;
    expect(calls().length).toBe(1);
    open();
    await sleep(100);
    server.delayHandshake = undefined;
    expect(calls().length).toBe(1);
  });
});

describe('a call of nobody\'s session', () => {
  it.each(['7', '"seven"', '"s\\u0069x\\""', '123456789012345678901234567890', '-1', '""'])('keeps its id %s, which is another on the wire', async (id) => {
    const sent = `{"params":{"name":"plain","arguments":{"id":5}},"jsonrpc":"2.0","method":"tools/call","id":${id}}`;
    const reply = await running.ask(sent);
    expect(reply.text).toBe(resultFor(id, 'fine'));
    expect(calls()[0]?.idText).toMatch(/^\d+$/);
    expect(calls()[0]?.body).toBe(sent.replace(`"id":${id}}`, `"id":${calls()[0]?.idText}}`));
  });

  it('never shares an id with another under way', async () => {
    await Promise.all([1, 1, 1].map((id) => running.ask(toolCall('plain', {}, id))));
    expect(new Set(calls().map(({ idText }) => idText)).size).toBe(3);
  });

  it('is sent again when the gateway\'s own session was lost', async () => {
    await running.ask(toolCall('plain'));
    server.sessions.clear();
    expect((await running.ask(toolCall('plain', { text: 'x' }, 'q'))).text).toBe(resultFor('"q"', 'fine'));
  });
});

describe('an answer that is not one', () => {
  it.each([
    ['HTML', 200, 'text/html', '<html>', 'mcp_invalid_response', 502], ['broken JSON', 200, 'application/json', '{"jsonrpc":"2.0","id":', 'mcp_invalid_response', 502], ['a server error', 500, 'text/plain', 'boom', 'mcp_request_failed', 502],
    ['a refusal without a message', 403, 'text/plain', 'no', 'mcp_request_failed', 502], ['the answer to another request', 200, 'application/json', resultFor('999999', 'not yours'), 'mcp_invalid_response', 502],
    ['a notification', 200, 'application/json', '{"jsonrpc":"2.0","method":"notifications/message"}', 'mcp_invalid_response', 502], ['result and error at once', 200, 'application/json', '{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}', 'mcp_invalid_response', 502],
    ['nothing', 200, 'application/json', '', 'mcp_invalid_response', 502], ['a key twice', 200, 'application/json', '{"jsonrpc":"2.0","id":1,"id":1,"result":{}}', 'mcp_invalid_response', 502],
  ])('%s', async (_what, status, type, text, code, expected) => {
    const session = await openSession();
    server.script = (_request, response) => void response.writeHead(status, { 'content-type': type }).end(text);
    const plain = await running.ask(toolCall('plain'), { headers: { ...session.headers, accept: '' } });
    expect([plain.status, plain.code]).toEqual([expected, code]);
    expect(lastLines(1)).toMatchObject([{ type: 'request', decision: 'ALLOW', code, tool: 'plain' }]);
    expect((await running.ask(toolCall('plain'), session)).code).toBe(code);
    for (const [key] of running.gateway.report().breakers) expect(key).toContain('plain');
    await resetBreaker();
  });

  it('a JSON-RPC error is an answer, whatever its HTTP status and its id', async () => {
    const error = '{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"bad"}}';
    server.script = (_request, response) => jsonAnswer(response, error, 400);
    const reply = await running.ask(toolCall('plain', {}, 'mine'));
    expect([reply.status, reply.text]).toEqual([400, error.replace('null', '"mine"')]);
  });
});

/** Failures of one test must not open the breaker for the next. */

describe('what the answer holds', () => {
  it('a credential is cut out, and the rest stays valid JSON', async () => {
    server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, `key "${CREDENTIAL}" end`));
    const reply = await running.ask(toolCall('plain'));
    expect(reply.text).not.toContain(CREDENTIAL);
    expect(reply.json).toMatchObject({ result: { content: [{ text: expect.stringMatching(/^key "\[redacted:[a-z-]+\]" end$/) as string }] } });
    expect(lastLines(1)).toMatchObject([{ findings: [{ direction: 'response', action: 'redact' }] }]);
    expect(JSON.stringify(lastLines(1))).not.toContain(CREDENTIAL);
  });

  it('a credential that only shows when decoded blocks the answer', async () => {
    server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, Buffer.from(`id=${CREDENTIAL}; and more text`).toString('base64')));
    const reply = await running.ask(toolCall('plain'));
    if (reply.status === 200) expect(reply.text).not.toContain(Buffer.from(CREDENTIAL).toString('base64').slice(0, 20));
    else expect(reply.code).toBe('response_blocked');
  });

  it('where credentials block, a whole answer and a stream are both withheld', async () => {
    const strict = await start('response: {credentials: block}');
    try {
      server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, CREDENTIAL));
      const whole = await strict.ask(toolCall('plain'));
      expect([whole.status, whole.code]).toEqual([502, 'response_blocked']);
      const session = await openSession(strict);
      server.script = ({ idText }, response) => {
        sseHead(response);
        response.end(event(note('before')) + event(note(CREDENTIAL)) + event(note('after')) + event(resultFor(idText, 'fine')));
      };
      const stream = await strict.ask(toolCall('plain', {}, 'mine'), session);
      expect(stream.text).toContain('before');
      expect(stream.text).not.toMatch(/after|fine|AKIA/);
      expect(stream.events.at(-1)).toMatchObject({ id: 'mine', error: { data: { code: 'response_blocked' } } });
      expect(strict.gateway.report().breakers.filter(([, state]) => state.kind !== 'closed')).toEqual([]);
    } finally {
      await strict.close();
    }
  });

  it('taints before its first byte leaves, also by what a tool tells before its answer', async () => {
    for (const method of ['whole', 'stream']) {
      const own = await start();
      const session = await openSession(own);
      const tainted: boolean[] = [];
      const look = (reply: RecordedReply): void => {
        const { send, write } = reply;
        const see = (): void => void tainted.push(own.gateway.identity('spiffe://poc.local/agents/mcp-client/my-agent/dev').flags.length > 0);
        reply.send = (...args) => [see(), send.apply(reply, args)] as unknown as void;
        reply.write = (chunk) => {
          see();
          return write.call(reply, chunk);
        };
      };
      server.script = ({ idText }, response) => {
        if (method === 'whole') return jsonAnswer(response, resultFor(idText, 'customer'));
        sseHead(response);
        response.end(event(note('customer')) + event(resultFor(idText, 'customer')));
      };
      const reply = own.post(toolCall('classified'), session);
      look(reply);
      await reply.finished;
      expect([method, tainted.length > 0, tainted.every((one) => one)]).toEqual([method, true, true]);
      await own.close();
    }
  });
});
