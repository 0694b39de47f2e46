// One request to one tool server and its answer, through the whole gateway and a real connection: bytes, ids, sessions, streams, endings.
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerResponse } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AuditAppender } from '../../../src/audit/types.js';
import { rpc, startInProcessGateway, toolCall, toolText, type InProcessGateway } from '../../support/gateway-in-process.js';
import { lentMessage, MCP_ACCEPT, RecordedReply, type Posted } from '../../support/inbound-reply.js';
import { jsonAnswer, resultFor, sseHead, startScriptedServer, type ScriptedServer } from '../../support/scripted-server.js';

const CREDENTIAL = 'AKIA'.concat('AB'.repeat(8)); // an AWS key id of no account
const CLIENT: Posted = { headers: { accept: MCP_ACCEPT } };

let server: ScriptedServer;
let running: InProcessGateway;
/** Set to hold audit lines back. */
let hold: ((release: () => void) => void) | undefined;

const holding = (appender: AuditAppender): AuditAppender => ({
  get healthy() { return appender.healthy; },
  get because() { return appender.because; },
  append: (line, done) => (hold === undefined ? appender.append(line, done) : hold(() => appender.append(line, done))),
  close: () => appender.close(),
});

async function start(...config: string[]): Promise<InProcessGateway> {
  return startInProcessGateway({
    tools: [{ name: 'plain', url: server.url }, { name: 'classified', url: server.url, more: ['classification: sensitive'] }], config, change: (parts) => ({ appender: holding(parts.appender) }),
  });
}
beforeAll(async () => {
  server = await startScriptedServer([toolText('plain'), toolText('classified')]);
  running = await start();
});
afterAll(async () => {
  await running.close();
  await server.close();
});
beforeEach(() => {
  server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
  server.seen.length = 0;
  server.hangUps = 0;
});
afterEach(() => {
  hold = undefined;
});

const calls = () => server.of('tools/call');
async function openSession(on = running): Promise<Posted> {
  const reply = await on.ask(rpc('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } }, 0), CLIENT);
  return { headers: { accept: MCP_ACCEPT, mcpSessionId: reply.headers['mcp-session-id'] ?? '', mcpProtocolVersion: '2025-11-25' } };
}
const lastLines = (count: number) => running.lines().slice(-count);
async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !holds(); i++) await sleep(2);
  expect(holds()).toBe(true);
}

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
async function resetBreaker(): Promise<void> {
  server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
  await running.ask(toolCall('plain'));
}

const event = (data: string, more = ''): string => `${more}data: ${data}\n\n`;
const note = (text: string): string => `{"jsonrpc":"2.0","method":"notifications/message","params":{"data":${JSON.stringify(text)}}}`;

describe('a stream', () => {
  it('reaches an MCP client event by event, every line as it came, and is recorded at both ends', async () => {
    const session = await openSession();
    let end: () => void = () => undefined;
    const first = ': hello\r\n\r\nid: 7\r\nevent: message\r\nretry: 10\r\ndata: '.concat(note('one'), '\r\n\r\n');
    server.script = ({ idText }, response) => {
      sseHead(response);
      response.write(first);
      end = () => void response.end(event(resultFor(idText, 'fine')));
    };
    const reply = running.post(toolCall('plain'), session);
    await until(() => reply.text === first);
    end();
    await reply.finished;
    expect([reply.state, reply.text]).toEqual(['ended', first + event(resultFor('1', 'fine'))]);
    expect(lastLines(2)).toMatchObject([{ type: 'request', decision: 'ALLOW', status: 200 }, { type: 'stream_end', code: null, bytes: Buffer.byteLength(reply.text), messages: 3 }]);
  });

  it('keeps data that is spread over several lines, and joins it where something was cut out', async () => {
    const session = await openSession();
    const [head, tail] = ['{"jsonrpc":"2.0","id":1,', '"result":{"content":[]}}'];
    server.script = (_request, response) => {
      sseHead(response);
      response.write(`data: ${note(CREDENTIAL).slice(0, 16)}\ndata: ${note(CREDENTIAL).slice(16)}\nid: 3\n\n`);
      response.end(`data: ${head}\ndata: ${tail}\n\n`);
    };
    const reply = await running.ask(toolCall('plain'), session);
    expect(reply.text).toContain(`data: ${head}\ndata: ${tail}\n\n`);
    expect(reply.text).toContain('id: 3\n');
    expect(reply.text).not.toContain(CREDENTIAL);
    expect(reply.events).toHaveLength(2);
  });

  it('is collapsed to its answer for a caller that is no MCP client', async () => {
    server.script = ({ idText }, response) => {
      sseHead(response);
      response.end(event(note('one')) + event(resultFor(idText, 'fine')));
    };
    const reply = await running.ask(toolCall('plain', {}, 'x'));
    expect([reply.status, reply.headers['content-type'], reply.text]).toEqual([200, 'application/json', resultFor('"x"', 'fine')]);
    expect(lastLines(1)).toMatchObject([{ type: 'request', code: null }]);
  });

  it.each([['that ends without the answer', (response: ServerResponse) => response.end(), 'mcp_invalid_response'], ['that breaks', (response: ServerResponse) => response.destroy(), 'mcp_transport_failed']])('%s says so under the id of the request', async (_what, finish, code) => {
    const session = await openSession();
    server.script = (_request, response) => {
      sseHead(response);
      response.write(event(note('one')), () => setImmediate(() => void finish(response)));
    };
    const reply = await running.ask(toolCall('plain', {}, 'mine'), session);
    expect(reply.state).toBe('ended');
    expect(reply.events.at(-1)).toMatchObject({ id: 'mine', error: { data: { code } } });
    expect(lastLines(1)).toMatchObject([{ type: 'stream_end', code }]);
    await resetBreaker();
  });

  it.each([
    ['breaks', (response: ServerResponse) => void response.destroy(), 'mcp_transport_failed'], ['ends', (response: ServerResponse) => void response.end(), 'mcp_invalid_response'],
    ['says nonsense', (response: ServerResponse) => void response.end(event('nonsense')), 'mcp_invalid_response'],
  ])('that %s while its first line is being written still ends, with its reason', async (_what, finish, code) => {
    const session = await openSession();
    await running.ask(toolCall('plain'), session);
    const held: (() => void)[] = [];
    hold = (release) => void held.push(release);
    let upstream: ServerResponse | undefined;
    server.script = (_request, response) => {
      sseHead(response);
      response.flushHeaders();
      upstream = response;
    };
    const reply = running.post(toolCall('plain', {}, 'mine'), session);
    await until(() => held.length === 1);
    if (upstream !== undefined) finish(upstream);
    await sleep(30);
    expect(reply.state).toBe('open');
    hold = undefined;
    held.forEach((release) => release());
    await reply.finished;
    expect([reply.state, reply.events.at(-1)]).toMatchObject(['ended', { id: 'mine', error: { data: { code } } }]);
    expect(lastLines(2).map(({ type, code: said }) => [type, said])).toEqual([['request', null], ['stream_end', code]]);
    await resetBreaker();
  });

  it('tells an answer that came before the connection broke', async () => {
    const session = await openSession();
    server.script = ({ idText }, response) => {
      sseHead(response);
      response.write(event(resultFor(idText, 'fine')), () => setImmediate(() => response.destroy()));
    };
    const reply = await running.ask(toolCall('plain'), session);
    expect([reply.state, reply.text]).toEqual(['ended', event(resultFor('1', 'fine'))]);
  });

  it('ends at an event that is the answer to another request', async () => {
    const session = await openSession();
    server.script = (_request, response) => {
      sseHead(response);
      response.end(event(resultFor('4711', 'not yours')) + event(note('later')));
    };
    const reply = await running.ask(toolCall('plain'), session);
    expect(reply.text).not.toContain('not yours');
    expect(reply.text).not.toContain('later');
    expect(reply.events).toMatchObject([{ id: 1, error: { data: { code: 'mcp_invalid_response' } } }]);
    await resetBreaker();
  });

  it('stops reading from the tool server while the client is slow', async () => {
    const session = await openSession();
    let sent = 0;
    const large = note('plain words '.repeat(8_000));
    server.script = ({ idText }, response) => {
      sseHead(response);
      const more = (): void => {
        while (sent < 400) {
          sent++;
          if (!response.write(event(large))) return void response.once('drain', more);
        }
        response.end(event(resultFor(idText, 'fine')));
      };
      more();
    };
    const reply = running.post(toolCall('plain'), session);
    reply.slow = true;
    await until(() => reply.text.length > 0);
    await sleep(100);
    expect(sent).toBeLessThan(400); // loopback sockets hold some ten megabytes
    reply.drain();
    await reply.finished;
    expect(reply.events).toHaveLength(401);
  });
});

describe('a request of the tool server within a call', () => {
  const asking = '{"jsonrpc":"2.0","id":"ask-1","method":"sampling/createMessage","params":{}}';
  it('reaches a client with a session, has its own line, and its answer goes back to that server', async () => {
    const session = await openSession();
    let answered: () => void = () => undefined;
    server.script = ({ idText }, response) => {
      sseHead(response);
      response.write(event(asking));
      answered = () => void response.end(event(resultFor(idText, 'fine')));
    };
    const reply = running.post(toolCall('plain'), session);
    await until(() => reply.text === event(asking));
    const posted = await running.ask('{"jsonrpc":"2.0","id":"ask-1","result":{"role":"assistant"}}', session);
    expect(posted.status).toBe(202);
    expect(server.seen.filter(({ body }) => body.includes('assistant'))).toHaveLength(1);
    const again = await running.ask('{"jsonrpc":"2.0","id":"ask-1","result":{}}', session);
    expect(again.code).toBe('mcp_invalid_request');
    answered();
    await reply.finished;
    expect(running.lines().filter(({ type }) => type === 'server_request')).toMatchObject([{ decision: 'ALLOW', method: 'sampling/createMessage' }]);
  });

  it('is answered with "no such method" in the name of a caller without a session', async () => {
    server.script = ({ idText, method }, response) => {
      if (method !== 'tools/call') return;
      sseHead(response);
      response.write(event(asking));
      void until(() => server.seen.some(({ body }) => body.includes('-32601'))).then(() => response.end(event(resultFor(idText, 'fine'))));
    };
    const reply = await running.ask(toolCall('plain'), CLIENT);
    expect(reply.text).not.toContain('ask-1');
    expect(reply.events).toHaveLength(1);
    expect(server.seen.find(({ body }) => body.includes('-32601'))?.idText).toBe('"ask-1"');
    expect(running.lines().filter(({ type }) => type === 'server_request').at(-1)).toMatchObject({ decision: 'DENY' });
  });
});

describe('a request of the tool server that can\'t be recorded', () => {
  it('ends the call, and nothing of it is held', async () => {
    const failing = { now: false };
    const own = await startInProcessGateway({
      tools: [{ name: 'plain', url: server.url }],
      change: (parts) => ({
        appender: {
          get healthy() { return parts.appender.healthy; },
          get because() { return parts.appender.because; },
          append: (line, done) => (failing.now ? setImmediate(() => done(new Error('the disk is full'), undefined)) : parts.appender.append(line, done)),
          close: () => parts.appender.close(),
        } as AuditAppender,
      }),
    });
    const session = await openSession(own);
    let response: ServerResponse | undefined;
    server.script = (_request, opened) => {
      sseHead(opened);
      opened.write(event(note('one')));
      response = opened;
    };
    const reply = own.post(toolCall('plain'), session);
    await until(() => reply.text !== '');
    failing.now = true;
    response?.write(event('{"jsonrpc":"2.0","id":"ask-1","method":"sampling/createMessage","params":{}}') + event(note('two')));
    await reply.finished;
    expect(reply.state).toBe('cut');
    await until(() => server.hangUps === 1);
    failing.now = false;
    await own.close();
  });
});

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

describe('a client that hangs up', () => {
  it('without a session cancels upstream, and the breaker learns nothing', async () => {
    await running.ask(toolCall('plain'));
    server.script = () => undefined;
    const reply = running.post(toolCall('plain'));
    await until(() => calls().length === 2);
    reply.hangUp();
    await until(() => server.hangUps === 1);
    await until(() => lastLines(1)[0]?.['code'] === 'client_disconnected');
    expect(lastLines(1)).toMatchObject([{ decision: 'ALLOW', status: 499 }]);
    expect(running.gateway.report().breakers.every(([, state]) => state.kind === 'closed' && state.failures === 0)).toBe(true);
  });

  it('of a stream without a session ends it, with its stream_end', async () => {
    await running.ask(toolCall('plain'));
    server.script = (_request, response) => {
      sseHead(response);
      response.write(event(note('one')));
    };
    const reply = running.post(toolCall('plain'), CLIENT);
    await until(() => reply.text !== '');
    reply.hangUp();
    await until(() => server.hangUps === 1 && lastLines(1)[0]?.['type'] === 'stream_end');
    expect(lastLines(1)).toMatchObject([{ code: 'client_disconnected' }]);
  });

  it('in a legacy session has not cancelled: the call goes on to its end and the record has it', async () => {
    const session = await openSession();
    await running.ask(toolCall('plain'), session);
    let end: () => void = () => undefined;
    server.script = ({ idText }, response) => {
      end = () => jsonAnswer(response, resultFor(idText, 'fine'));
    };
    const reply = running.post(toolCall('plain'), session);
    await until(() => calls().length === 2);
    reply.hangUp();
    await sleep(20);
    expect(server.hangUps).toBe(0);
    end();
    await until(() => lastLines(1)[0]?.['status'] === 499);
    expect(lastLines(1)).toMatchObject([{ decision: 'ALLOW', code: 'client_disconnected' }]);
  });

  it('while it was slow, in a legacy session, holds nothing back: the tool server\'s stream is read to its end', async () => {
    const session = await openSession();
    let written = 0;
    let end: () => void = () => undefined;
    server.script = ({ idText }, response) => {
      sseHead(response);
      response.write(event(note('one')));
      end = () => void response.end(event(note('plain words '.repeat(200_000))) + event(resultFor(idText, 'fine')), () => void written++);
    };
    const reply = running.post(toolCall('plain'), session);
    reply.slow = true;
    await until(() => reply.text !== '');
    await sleep(10);
    reply.hangUp();
    end();
    await until(() => lastLines(1)[0]?.['type'] === 'stream_end');
    expect([written, server.hangUps]).toEqual([1, 0]);
    expect(lastLines(1)).toMatchObject([{ code: 'client_disconnected' }]);
  });

  it('before the decision is DENY client_disconnected, and nothing is sent', async () => {
    const reply = running.post(toolCall('plain'));
    await reply.finished;
    server.seen.length = 0;
    const gone = new RecordedReply();
    gone.hangUp();
    running.gateway.handle(lentMessage(toolCall('plain'), {}).inbound, gone);
    await until(() => lastLines(1)[0]?.['code'] === 'client_disconnected');
    expect(lastLines(1)).toMatchObject([{ decision: 'DENY', status: 499 }]);
    expect([gone.state, calls().length]).toEqual(['open', 0]);
  });
});
