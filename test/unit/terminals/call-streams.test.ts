// A call whose answer is a stream, whose tool server asks the client something, or whose client hangs up: through the whole gateway and a real connection.
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import type { AuditAppender } from '../../../src/audit/types.js';
import { startInProcessGateway, toolCall } from '../../support/gateway-in-process.js';
import { lentMessage, RecordedReply } from '../../support/inbound-reply.js';
import { jsonAnswer, resultFor, sseHead } from '../../support/scripted-server.js';
import { until } from '../../support/until.js';
import { CLIENT, CREDENTIAL, calls, event, holdLines, lastLines, note, openSession, resetBreaker, running, server } from './call-fixture.js';

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

  it('of thousands of events lets other work in between, and loses none', async () => {
    const session = await openSession();
    const sent = ': here\n\n'.repeat(6_000);
    server.script = ({ idText }, response) => {
      sseHead(response);
      response.end(sent + event(resultFor(idText, 'fine')));
    };
    const reply = running.post(toolCall('plain'), session);
    await until(() => reply.text.length > 0);
    expect(reply.text.length).toBeLessThan(sent.length);
    await reply.finished;
    expect([reply.state, reply.text === sent + event(resultFor('1', 'fine'))]).toEqual(['ended', true]);
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

  it('that ends before the answer, and gave an event\'s id, leaves its client to ask for the rest on the session\'s stream', async () => {
    const session = await openSession();
    const priming = 'id: a-1\nretry: 10\ndata: \n\n';
    server.script = (_request, response) => {
      sseHead(response);
      response.end(priming);
    };
    server.stream = ({ headers }, response) => {
      sseHead(response);
      response.write(event(resultFor('"mine"', `what follows ${String(headers['last-event-id'])}`)));
    };
    const reply = await running.ask(toolCall('plain', {}, 'mine'), session);
    expect([reply.state, reply.text]).toEqual(['ended', priming]);
    expect(lastLines(1)).toMatchObject([{ type: 'stream_end', code: null }]);
    const rest = running.post('', { httpMethod: 'GET', headers: { ...session.headers, lastEventId: 'a-1' } });
    await until(() => rest.text.includes('what follows a-1'));
    rest.hangUp();
    server.stream = undefined;
  });

  it('that does so to a caller without a session is a failure: it has nowhere to ask', async () => {
    server.script = (_request, response) => {
      sseHead(response);
      response.end('id: a-1\ndata: \n\n');
    };
    const reply = await running.ask(toolCall('plain', {}, 'mine'), CLIENT);
    expect(reply.events.at(-1)).toMatchObject({ id: 'mine', error: { data: { code: 'mcp_invalid_response' } } });
    await resetBreaker();
  });

  it.each([
    ['breaks', (response: ServerResponse) => void response.destroy(), 'mcp_transport_failed'], ['ends', (response: ServerResponse) => void response.end(), 'mcp_invalid_response'],
    ['says nonsense', (response: ServerResponse) => void response.end(event('nonsense')), 'mcp_invalid_response'],
  ])('that %s while its first line is being written still ends, with its reason', async (_what, finish, code) => {
    const session = await openSession();
    await running.ask(toolCall('plain'), session);
    const held: (() => void)[] = [];
    holdLines((release) => void held.push(release));
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
    holdLines(undefined);
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
    expect(reply.text).toEqual(event(resultFor('1', 'fine')));
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
          appendRequest: (facts, done) => (failing.now ? setImmediate(() => done(new Error('the disk is full'), undefined)) : parts.appender.appendRequest(facts, done)),
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
