// Streams over real sockets: every byte of an event as it came, hang-ups, slow readers, questions of tool servers, sessions and whose they are.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ServerResponse } from 'node:http';
import { CALLER, permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { jsonAnswer, resultFor, sseHead, startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';
import { call, codeOf, eventually, initialize, MCP, openSession, openStream, registration, toolText } from './calls.js';

const OTHER = 'spiffe://poc.local/agents/mcp-client/other/dev';
const NOTIFICATION = '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"é\\u00e9 1e400"}}';

let server: ScriptedServer;
let gateway: GatewayProcess;

beforeAll(async () => {
  server = await startScriptedServer([toolText('echo')]);
  gateway = await startGateway({
    policies: { 'all.rego': `${permitAll()}\nallow if input.caller_spiffe_id == "${OTHER}"\n` },
    identities: { default: CALLER, identities: [{ spiffe_id: CALLER }, { spiffe_id: OTHER }] },
    tools: [registration('echo', server.url)],
    config: { breaker: { failures_to_open: 1000 }, rate_limit: { per_minute: 1_000_000, burst: 100_000 }, response: { pii: 'block' } },
  });
});

beforeEach(() => {
  server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
  server.stream = undefined;
});

afterAll(async () => {
  await gateway.stop();
  await server.close();
});

function lastOf(type: string): Record<string, unknown> | undefined {
  return gateway.lines(type).at(-1);
}

describe('a streamed answer', () => {
  it('reaches an MCP client event by event, byte for byte', async () => {
    const session = await openSession(gateway);
    let held: ServerResponse | undefined;
    let idText = '';
    server.script = (seen, response) => {
      held = response;
      idText = seen.idText;
      sseHead(response);
      response.write(`: a comment é\r\nretry: 1500\r\nid: 7\r\ndata: ${NOTIFICATION}\r\n\r\n`);
    };
    const first = `: a comment é\r\nretry: 1500\r\nid: 7\r\ndata: ${NOTIFICATION}\r\n\r\n`;
    const stream = openStream(gateway, 'POST', session, call('echo', {}, 'q'));
    expect(await eventually(() => Buffer.from(stream.text, 'latin1').toString('utf8') === first)).toBe(true);
    expect(stream.status).toBe(200);
    expect(stream.headers['content-type']).toBe('text/event-stream');
    expect(lastOf('request')).toMatchObject({ tool: 'echo', decision: 'ALLOW', status: 200 });
    const last = `event: message\nid: 8\ndata:${resultFor(idText, 'x')}\ndata:\n\n`;
    held?.end(last);
    expect(await eventually(() => stream.ended)).toBe(true);
    expect(Buffer.from(stream.text, 'latin1').toString('utf8')).toBe(first + last);
    expect(lastOf('stream_end')).toMatchObject({ decision_id: lastOf('request')?.['decision_id'], status: 200, code: null, bytes: Buffer.byteLength(first + last) });
  });

  it('whose stream_end line cannot precede its last byte does not end before it', async () => {
    server.script = ({ idText }, response) => {
      sseHead(response);
      response.end(`: begun\n\ndata: ${resultFor(idText, 'x')}\n\n`);
    };
    for (let n = 0; n < 20; n++) {
      const answer = await gateway.post(call('echo', {}, n), MCP);
      expect(answer.text).toContain(`"id":${n}`);
      expect(lastOf('stream_end')?.['decision_id']).toBe(lastOf('request')?.['decision_id']);
    }
  });

  it('ends with an error under the call\'s id when its server dies', async () => {
    server.script = (_seen, response) => {
      sseHead(response);
      response.write(`data: ${NOTIFICATION}\n\ndata: {"half`, () => response.destroy());
    };
    const answer = await gateway.post(call('echo', {}, 'q9'), MCP);
    const events = answer.text.split('\n\n').filter((event) => event !== '').map((event) => JSON.parse(event.slice(event.indexOf('{'))) as Record<string, unknown>);
    expect(events.at(-1)).toMatchObject({ id: 'q9', error: { data: { code: 'mcp_transport_failed' } } });
    expect(lastOf('stream_end')).toMatchObject({ code: 'mcp_transport_failed' });
  });

  it('that a sessionless client leaves is given up at the server and recorded', async () => {
    const before = server.hangUps;
    server.script = (_seen, response) => {
      sseHead(response);
      response.write(`data: ${NOTIFICATION}\n\n`);
    };
    const stream = openStream(gateway, 'POST', MCP, call('echo'));
    expect(await eventually(() => stream.text !== '')).toBe(true);
    stream.hangUp();
    expect(await eventually(() => server.hangUps > before)).toBe(true);
    expect(await eventually(() => lastOf('stream_end')?.['decision_id'] === lastOf('request')?.['decision_id'])).toBe(true);
    expect(lastOf('stream_end')).toMatchObject({ code: 'client_disconnected' });
  });

  it('that a slow reader does not take is not read on from the server, and arrives whole', async () => {
    const size = 64 * 1024;
    const events = 2000; // 128 MiB: far more than the sockets between can hold
    let written = 0;
    let whole = false;
    server.script = ({ idText }, response) => {
      sseHead(response);
      const next = (): void => {
        while (written < events) {
          written++;
          if (!response.write(`data: {"jsonrpc":"2.0","method":"notifications/message","params":{"data":"${'z'.repeat(size)}"}}\n\n`)) return void response.once('drain', next);
        }
        whole = true;
        response.end(`data: ${resultFor(idText, 'x')}\n\n`);
      };
      next();
    };
    const stream = openStream(gateway, 'POST', MCP, call('echo', {}, 'slow'), true);
    expect(await eventually(() => stream.status === 200)).toBe(true);
    let last = -1;
    expect(await eventually(async () => {
      const same = written === last;
      last = written;
      await new Promise((resolve) => setTimeout(resolve, 200));
      return same;
    })).toBe(true);
    expect(whole).toBe(false);
    stream.resume();
    expect(await eventually(() => stream.ended)).toBe(true);
    expect(stream.text.length).toBeGreaterThan(size * events);
    expect(stream.text).toContain('"id":"slow"');
    expect(lastOf('stream_end')).toMatchObject({ messages: events + 1, code: null });
  });

  it('for a caller that reads JSON ends with its answer, also when the server leaves its stream open', async () => {
    const before = server.hangUps;
    server.script = ({ idText }, response) => {
      sseHead(response);
      response.write(`data: ${resultFor(idText, 'x')}\n\n`);
    };
    expect((await gateway.post(call('echo', {}, 'open'))).json).toMatchObject({ id: 'open', result: {} });
    expect(await eventually(() => server.hangUps > before)).toBe(true);
  });
});

describe('a question of a tool server', () => {
  const question = '{"jsonrpc":"2.0","id":"ask-1","method":"elicitation/create","params":{"message":"which?"}}';

  it('goes to the client whose call it belongs to, and the answer back, each with a line', async () => {
    const session = await openSession(gateway, {}, { capabilities: { elicitation: {} } });
    let held: ServerResponse | undefined;
    let idText = '';
    server.script = (seen, response) => {
      held = response;
      idText = seen.idText;
      sseHead(response);
      response.write(`data: ${question}\n\n`);
    };
    const stream = openStream(gateway, 'POST', session, call('echo', {}, 'q'));
    expect(await eventually(() => stream.text.includes('elicitation/create'))).toBe(true);
    expect(lastOf('server_request')).toMatchObject({ method: 'elicitation/create', decision: 'ALLOW' });
    const reply = '{"jsonrpc":"2.0","id":"ask-1","result":{"action":"accept","content":{"which":"this"}}}';
    const stranger = await openSession(gateway);
    expect((await gateway.post(reply, stranger)).status).toBe(400);
    expect((await gateway.post(reply, session)).status).toBe(202);
    expect(server.seen.filter((seen) => seen.body === reply)).toHaveLength(1);
    expect((await gateway.post(reply, session)).status).toBe(400);
    held?.end(`data: ${resultFor(idText, 'x')}\n\n`);
    expect(await eventually(() => stream.ended)).toBe(true);
  });

  it.each([['AKIAIOSFODNN7ABCDEFG', 'ALLOW', null, 'credentials'], ['ask ada@example.org', 'DENY', 'response_blocked', 'pii']] as const)('that says %j has its line with what was found in it: %s', async (message, decision, code, category) => {
    const session = await openSession(gateway, {}, { capabilities: { elicitation: {} } });
    const before = gateway.lines('server_request').length;
    server.script = ({ idText }, response) => {
      sseHead(response);
      response.end(`data: ${question.replace('which?', message)}\n\ndata: ${resultFor(idText, 'x')}\n\n`);
    };
    const stream = openStream(gateway, 'POST', session, call('echo', {}, 'q'));
    expect(await eventually(() => stream.ended)).toBe(true);
    expect(stream.text).not.toContain(message);
    expect(gateway.lines('server_request').slice(before)).toMatchObject([{ method: 'elicitation/create', decision, code, findings: [{ category, path: '$.params.message', direction: 'response' }] }]);
  });

  it('is answered "no such method" for a caller that cannot be asked', async () => {
    let answered = '';
    server.script = ({ idText }, response) => {
      sseHead(response);
      response.write(`data: ${question}\n\n`);
      void eventually(() => {
        answered = server.seen.find((seen) => seen.body.includes('-32601') && seen.body.includes('"ask-1"'))?.body ?? '';
        return answered !== '';
      }).then(() => response.end(`data: ${resultFor(idText, 'x')}\n\n`));
    };
    expect((await gateway.post(call('echo', {}, 'q'))).json).toMatchObject({ id: 'q', result: {} });
    expect(answered).not.toBe('');
    expect(lastOf('server_request')).toMatchObject({ method: 'elicitation/create', decision: 'DENY' });
  });
});

describe('a session', () => {
  it('has a stream of its own, which shows notifications and ends with the session', async () => {
    const session = await openSession(gateway);
    await gateway.post(call('echo'), session);
    let held: ServerResponse | undefined;
    server.stream = (_seen, response) => {
      held = response;
      sseHead(response);
      response.write(`id: n1\ndata: ${NOTIFICATION}\n\n`);
    };
    const stream = openStream(gateway, 'GET', session);
    expect(await eventually(() => Buffer.from(stream.text, 'latin1').toString('utf8').includes(`id: n1\ndata: ${NOTIFICATION}\n\n`))).toBe(true);
    held?.write('data: {"jsonrpc":"2.0","id":"r","method":"roots/list"}\n\n');
    expect(await eventually(() => stream.text.includes('roots/list'))).toBe(true);
    expect((await gateway.post('{"jsonrpc":"2.0","id":"r","result":{"roots":[]}}', session)).status).toBe(202);
    const upstreamSession = server.sessions.size;
    expect((await gateway.http('DELETE', '/', { 'x-spiffe-id': CALLER, ...session })).status).toBe(204);
    expect(await eventually(() => server.sessions.size < upstreamSession)).toBe(true);
    expect(await eventually(() => stream.ended || stream.broken)).toBe(true);
    expect((await gateway.post(call('echo'), session)).status).toBe(404);
    expect((await gateway.http('DELETE', '/', { 'x-spiffe-id': CALLER, ...session })).status).toBe(404);
  });

  it('is nobody else\'s, for POST, GET and DELETE alike', async () => {
    const session = await openSession(gateway);
    const theft = { ...session, 'x-spiffe-id': OTHER };
    const before = server.seen.length;
    expect(codeOf(await gateway.post(call('echo'), theft))).toBe('session_not_found');
    expect((await gateway.http('GET', '/', theft)).status).toBe(404);
    expect((await gateway.http('DELETE', '/', theft)).status).toBe(404);
    expect(server.seen.length).toBe(before);
    expect((await gateway.post(call('echo'), session)).status).toBe(200);
  });

  it('of the gateway that the server lost is opened anew, once, also where the server answers 400 as many do', async () => {
    const lost = (status: number) => {
      let renewed = 0;
      const gone = new Set(server.sessions);
      server.script = (seen, response) => {
        if (gone.has(String(seen.headers['mcp-session-id']))) return jsonAnswer(response, `{"jsonrpc":"2.0","error":{"code":-32000,"message":"Bad Request: No valid session ID provided"},"id":${seen.idText}}`, status);
        renewed++;
        jsonAnswer(response, resultFor(seen.idText, 'fine'));
      };
      return () => renewed;
    };
    for (const status of [404, 400]) {
      const renewed = lost(status);
      const answer = await gateway.post(call('echo', {}, `after ${status}`));
      expect({ status: answer.status, id: answer.json['id'], result: answer.json['result'] !== undefined }).toEqual({ status: 200, id: `after ${status}`, result: true });
      expect(renewed()).toBe(1);
    }
  });
});

describe('what a tool server says of itself', () => {
  it.each(['redact', 'block'])('crosses the response firewall before it reaches a client (%s)', async (credentials) => {
    const secret = `AKIA${'Q'.repeat(16)}`;
    const own = await startScriptedServer([toolText('echo')]);
    own.instructions = `Use the key ${secret} please`;
    const other = await startGateway({ policies: { 'all.rego': permitAll() }, tools: [registration('echo', own.url)], config: { response: { credentials } } });
    try {
      const answer = await other.post(initialize(), MCP);
      expect(answer.status).toBe(200);
      expect(answer.json).toMatchObject({ result: { protocolVersion: '2025-11-25', capabilities: { tools: {} } } });
      expect(answer.text).not.toContain(secret);
      expect(answer.text.includes('Use the key')).toBe(credentials === 'redact');
      expect(other.lines('request').at(-1)?.['findings']).toContainEqual(expect.objectContaining({ direction: 'response', category: 'credentials' }));
    } finally {
      await other.stop();
      await own.close();
    }
  });
});
