// Sessions of 2025-11-25: opened, used, asked by the server, lost, cancelled, ended.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AdmissionError, ConfigurationError, GatewayClient, SessionExpiredError, type ClientOptions, type SessionOptions } from '../src/index.js';
import { ownSurroundings } from './support/own-surroundings.js';
import { accepted, envelope, json, refusal, result, startScripted, text, type Play, type ScriptedGateway } from './support/scripted-gateway.js';

let gateway: ScriptedGateway;
let opened = 0;
/** By method of the message, or of HTTP where there is none. */
let answers: Record<string, Play> = {};

const INITIALIZED: Play = (seen, response, request) => {
  opened += 1;
  result({ protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 's', version: '1' } }, { 'mcp-session-id': `s${opened}` })(seen, response, request);
};
const lost = refusal('session_not_found', { rpcCode: 404, status: 404, more: { middleware_step: 0 } });

beforeAll(async () => { gateway = await startScripted(); });
afterAll(() => gateway.close());
beforeEach(() => {
  gateway.seen.length = 0;
  opened = 0;
  answers = {};
  gateway.play((seen, response, request) => {
    const key = typeof seen.body['method'] === 'string' ? seen.body['method'] : seen.method;
    const usual: Record<string, Play> = { initialize: INITIALIZED, 'tools/call': text('a'), ping: result({}), GET: json({}, 405) };
    (answers[key] ?? usual[key] ?? accepted)(seen, response, request);
  });
});

async function withClient(options: ClientOptions, run: (client: GatewayClient) => Promise<void>): Promise<void> {
  const client = new GatewayClient({ gatewayUrl: gateway.url, surroundings: ownSurroundings(), maxRetries: 0, ...options });
  try {
    await run(client);
  } finally {
    await client.close();
  }
}

const story = (): unknown[] => gateway.seen.map(({ method, body, headers }) => [body['method'] ?? (body['error'] === undefined && body['result'] === undefined ? method : 'answer'), headers['mcp-session-id']]);

async function inSession(options: SessionOptions, run: (session: Awaited<ReturnType<GatewayClient['session']>>) => Promise<void>): Promise<void> {
  await withClient({}, async (client) => run(await client.session(options)));
}

describe('a session', () => {
  it('is opened, used and ended', async () => {
    await inSession({}, async (session) => {
      expect([session.id, session.server]).toMatchObject(['s1', { serverInfo: { name: 's' } }]);
      expect((await session.callTool('t', { b: 2 })).text).toBe('a');
      await session.ping();
      await session[Symbol.asyncDispose]();
      await expect(session.callTool('t')).rejects.toThrow(ConfigurationError);
    });
    expect(story()).toEqual([['initialize', undefined], ['notifications/initialized', 's1'], ['tools/call', 's1'], ['ping', 's1'], ['DELETE', 's1']]);
    expect(gateway.seen[0]?.body).toMatchObject({ params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: '@precinct/sdk', version: '0.1.0' } } });
    expect(gateway.seen[2]).toMatchObject({ headers: { 'mcp-protocol-version': '2025-11-25' }, body: { params: { name: 't', arguments: { b: 2 } } } });
    expect(gateway.seen[2]?.body['params']).not.toHaveProperty('_meta');
  });

  it('says that it can what its caller says', async () => {
    await inSession({ onRequest: () => undefined, capabilities: { roots: {} } }, () => Promise.resolve());
    expect(gateway.seen[0]?.body).toMatchObject({ params: { capabilities: { roots: {} } } });
    expect(gateway.seen[0]?.body).not.toHaveProperty('params.capabilities.sampling');
  });

  it('is not opened when its time is over, or its caller says so', async () => {
    const surroundings = ownSurroundings();
    const stop = new AbortController();
    await withClient({ surroundings }, async (client) => {
      answers['initialize'] = () => surroundings.pass(5);
      await expect(client.session({ timeout: 5 })).rejects.toMatchObject({ name: 'CallTimeoutError' });
      answers['initialize'] = () => stop.abort();
      await expect(client.session({ signal: stop.signal })).rejects.toMatchObject({ name: 'AbortError' });
    });
  });

  it('is open although the gateway was not heard to take the word of it', async () => {
    answers['notifications/initialized'] = (_seen, _response, request) => void request.socket.destroy();
    await withClient({ era: '2025-11-25' }, async (client) => expect((await client.callTool('t')).text).toBe('a'));
    expect(story()).toEqual([['initialize', undefined], ['notifications/initialized', 's1'], ['tools/call', 's1'], ['DELETE', 's1']]);
  });

  it('that the gateway no longer knows is said, and not renewed', async () => {
    answers['tools/call'] = lost;
    await inSession({}, async (session) => {
      const error: unknown = await session.callTool('t').catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(SessionExpiredError);
      expect(error).toBeInstanceOf(AdmissionError);
      expect(error).toMatchObject({ code: 'session_not_found', httpStatus: 404 });
    });
    expect(opened).toBe(1);
  });

  it('that is lost without an envelope is lost as well', async () => {
    answers['tools/call'] = json({ jsonrpc: '2.0', id: null, error: { code: -32001, message: 'Session not found' } }, 404);
    await inSession({}, async (session) => {
      await expect(session.callTool('t')).rejects.toMatchObject({ name: 'SessionExpiredError', httpStatus: 404 });
    });
  });

  it('that is refused throws the refusal, also where its version has none', async () => {
    answers['initialize'] = json({ jsonrpc: '2.0', id: 1, error: { code: 401, message: 'x', data: envelope('auth_missing_identity', { middleware_step: 3 }) } }, 401);
    await withClient({}, async (client) => {
      await expect(client.session()).rejects.toMatchObject({ name: 'AuthenticationError' });
      answers['initialize'] = result({ protocolVersion: '2026-07-28' });
      await expect(client.session()).rejects.toMatchObject({ name: 'TransportError' });
    });
  });

  it('is asked for again where the gateway is busy', async () => {
    let asked = 0;
    answers['initialize'] = (seen, response, request) => ((asked += 1) === 1 ? refusal('gateway_overloaded', { rpcCode: 503, status: 503, more: { middleware_step: 0 } }) : INITIALIZED)(seen, response, request);
    await withClient({ era: '2025-11-25', maxRetries: 1 }, async (client) => expect((await client.callTool('t')).text).toBe('a'));
    expect(asked).toBe(2);
  });

  it('answers what the server asks beside a call, and says what it cannot', async () => {
    answers['tools/call'] = (seen, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const [id, method] of [['q1', 'sampling/createMessage'], [2, 'elicitation/create'], [3, 'roots/list'], [4, 'ping'], [5, 'tasks/get']]) response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', id, method, params: { p: 1 } })}\n\n`);
      const wait = setInterval(() => {
        if (gateway.seen.filter(({ body }) => body['id'] !== undefined && body['method'] === undefined).length < 5) return;
        clearInterval(wait);
        response.end(`data: ${JSON.stringify({ jsonrpc: '2.0', id: seen.body['id'], result: { content: [{ type: 'text', text: 'asked' }] } })}\n\n`);
      }, 5);
    };
    const asked: unknown[] = [];
    const onRequest: SessionOptions['onRequest'] = ({ method, params }) => {
      asked.push([method, params]);
      if (method === 'sampling/createMessage') return { role: 'assistant' };
      if (method === 'tasks/get') return { n: 1n }; // has no JSON
      if (method === 'elicitation/create') throw new Error('private words');
      return undefined;
    };
    await inSession({ onRequest }, async (session) => expect((await session.callTool('t')).text).toBe('asked'));
    const said = gateway.seen.filter(({ body }) => body['id'] !== undefined && body['method'] === undefined).map(({ body, headers }) => [body['id'], body['result'] ?? (body['error'] as { code: number }).code, headers['mcp-session-id']]);
    expect(said).toHaveLength(5);
    expect(said).toEqual(expect.arrayContaining([['q1', { role: 'assistant' }, 's1'], [2, -32603, 's1'], [3, -32601, 's1'], [4, {}, 's1'], [5, -32603, 's1']]));
    expect(asked).toEqual([['sampling/createMessage', { p: 1 }], ['elicitation/create', { p: 1 }], ['roots/list', { p: 1 }], ['tasks/get', { p: 1 }]]);
    expect(JSON.stringify(gateway.seen)).not.toContain('private words');
    expect(gateway.seen[0]?.body).toMatchObject({ params: { capabilities: { sampling: {}, elicitation: {}, roots: {} } } });
  });

  it('hears what the server says by itself', async () => {
    answers['GET'] = (_seen, response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).write(`data: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' })}\n\n`);
    await withClient({}, async (client) => {
      const heard = await new Promise((resolve, reject) => void client.session({ onNotification: resolve }).catch(reject));
      expect(heard).toEqual({ method: 'notifications/tools/list_changed', params: {} });
    });
    expect(story().at(-1)).toEqual(['DELETE', 's1']);
  });

  it('hears on although the one who is told throws', async () => {
    const changed = { jsonrpc: '2.0', method: 'notifications/tools/list_changed' };
    answers['GET'] = (_seen, response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).write(`data: ${JSON.stringify(changed)}\n\ndata: ${JSON.stringify({ jsonrpc: '2.0', id: 'q', method: 'ping' })}\n\n`);
    await withClient({}, async (client) => {
      const answered = new Promise((resolve) => { answers['POST'] = ({ body }, response) => {
        resolve(body);
        response.writeHead(202).end();
      }; });
      await client.session({ onNotification: () => { throw new Error('mine'); } });
      expect(await answered).toMatchObject({ id: 'q', result: {} });
    });
  });

  it('tells the server of a call that is given up: by its time, its signal, or its reader', async () => {
    answers['tools/call'] = (_seen, response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).write(`data: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/progress', params: { progress: 1 } })}\n\n`);
    const stop = new AbortController();
    const order: string[] = [];
    answers['notifications/cancelled'] = (_seen, response) => void setTimeout(() => {
      order.push('cancelled');
      response.writeHead(202).end();
    }, 50);
    answers['DELETE'] = (seen, response, request) => {
      order.push('ended');
      accepted(seen, response, request);
    };
    await inSession({}, async (session) => {
      await expect(session.callTool('t', {}, { signal: stop.signal, onProgress: () => stop.abort() })).rejects.toMatchObject({ name: 'AbortError' });
      for await (const event of session.streamTool('t')) if (event.type === 'progress') break;
    });
    const cancelled = gateway.seen.filter(({ body }) => body['method'] === 'notifications/cancelled');
    const calls = gateway.seen.filter(({ body }) => body['method'] === 'tools/call');
    expect(cancelled.map(({ body }) => (body['params'] as { requestId: number }).requestId)).toEqual(calls.map(({ body }) => body['id']));
    expect(order).toEqual(['cancelled', 'cancelled', 'ended']);
  });

  it('does not wait for ever with its end for somebody who never answers', async () => {
    const surroundings = ownSurroundings();
    answers['tools/call'] = (_seen, response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).end(`data: ${JSON.stringify({ jsonrpc: '2.0', id: 'a', method: 'elicitation/create', params: {} })}\n\n`);
    await withClient({ surroundings }, async (client) => {
      const session = await client.session({ onRequest: () => new Promise(() => undefined) });
      await expect(session.callTool('t')).rejects.toMatchObject({ name: 'TransportError' });
      const ended = session.close();
      surroundings.pass(2);
      await ended;
    });
    expect(story().at(-1)).toEqual(['DELETE', 's1']);
  });

  it('that is open only when its client is closed is ended', async () => {
    let asked = (): void => undefined;
    const isAsked = new Promise<void>((resolve) => { asked = resolve; });
    answers['notifications/initialized'] = asked;
    await withClient({}, async (client) => {
      const session = client.session({ onNotification: () => undefined });
      await isAsked;
      await client.close();
      await expect(session).rejects.toBeInstanceOf(ConfigurationError);
    });
    expect(story().at(-1)).toEqual(['DELETE', 's1']);
  });

  it('is ended whole before its client goes, and not held by it afterwards', async () => {
    answers['DELETE'] = (seen, response, request) => void setTimeout(() => accepted(seen, response, request), 50);
    await withClient({}, async (client) => {
      let isOver = false;
      const ended = (await client.session()).close().then(() => { isOver = true; });
      await client.close();
      expect(isOver).toBe(true);
      await ended;
    });
    await withClient({}, async (client) => {
      const closed = await Promise.all([1, 2, 3].map(async () => {
        const session = await client.session();
        await session.close();
        return new WeakRef(session);
      }));
      setFlagsFromString('--expose-gc');
      await new Promise((resolve) => { setTimeout(resolve, 20); }); // what the last answer holds is let go
      (runInNewContext('gc') as () => void)();
      expect(closed.map((one) => one.deref())).toEqual([undefined, undefined, undefined]);
    });
  });
});

describe('a client of 2025-11-25', () => {
  it('opens one session with its first calls, and ends it', async () => {
    await withClient({ era: '2025-11-25' }, async (client) => {
      await Promise.all([client.callTool('t'), client.callTool('t'), client.ping()]);
      await expect(client.discover()).rejects.toThrow(ConfigurationError);
    });
    expect(opened).toBe(1);
    expect(story().at(-1)).toEqual(['DELETE', 's1']);
    expect(gateway.seen.filter(({ body }) => body['method'] === 'tools/call').map(({ headers }) => headers['mcp-session-id'])).toEqual(['s1', 's1']);
  });

  it('does not wait with its end for one that does not open', async () => {
    let asked = (): void => undefined;
    const isAsked = new Promise<void>((resolve) => { asked = resolve; });
    answers['initialize'] = () => asked();
    await withClient({ era: '2025-11-25' }, async (client) => {
      const call = client.callTool('t').catch((reason: unknown) => reason);
      await isAsked;
      await client.close();
      expect(await call).toBeInstanceOf(ConfigurationError);
    });
  });

  it('renews a lost one once, for all that wait', async () => {
    answers['tools/call'] = (seen, response, request) => (seen.headers['mcp-session-id'] === 's1' ? lost : text('again'))(seen, response, request);
    await withClient({ era: '2025-11-25' }, async (client) => {
      const all = await Promise.all([client.callTool('t'), client.callTool('t'), client.callTool('t')]);
      expect(all.map((answer) => answer.text)).toEqual(['again', 'again', 'again']);
      expect(opened).toBe(2);
      answers['tools/call'] = lost;
      await expect(client.callTool('t')).rejects.toBeInstanceOf(SessionExpiredError);
    });
    expect(opened).toBe(3);
  });
});
