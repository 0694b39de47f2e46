// The worked adapter as a process before a scripted gateway: what evidence leaves it, and what its bounds do to clients that nobody wrote so.
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket, type ClientOptions } from 'ws';
import { makeAuthority, makeServerCertificate, makeSvid, validAround } from '../support/pki.js';
import { until } from '../support/until.js';

const RUN = fileURLToPath(new URL('../../examples/adapter/run.mjs', import.meta.url));
const ALPHA = 'spiffe://poc.local/agents/mcp-client/alpha/dev';
const BETA = 'spiffe://poc.local/agents/mcp-client/beta/dev';
const hash = (key: string): string => createHash('sha256').update(key).digest('hex');
const TOKEN = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJvbmUifQ.c2ln';

type Frame = Readonly<Record<string, unknown>>;
interface Seen {
  readonly method: string;
  readonly tool: string;
  readonly headers: IncomingHttpHeaders;
}

let dir = '';
let gateway: Server;
let gatewayUrl = '';
let adapter: ChildProcess;
let log = '';
let url = '';
const seen: Seen[] = [];
let hangUps = 0;
let listening = 0;

function answer(request: IncomingMessage, response: ServerResponse, body: string): void {
  const { id, method, params } = JSON.parse(body) as { id: number; method: string; params: { name?: string; arguments?: Frame; _meta?: { progressToken?: unknown } } };
  seen.push({ method, tool: params.name ?? '', headers: request.headers });
  response.on('close', () => { if (!response.writableFinished) hangUps += 1; });
  const event = (message: object): string => `data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`;
  const progress = (n: number, note: string): string => event({ method: 'notifications/progress', params: { progressToken: params._meta?.progressToken, progress: n, message: note } });
  if (method === 'subscriptions/listen') {
    listening += 1;
    return void response.writeHead(200, { 'content-type': 'text/event-stream' }).write(event({ method: 'notifications/subscriptions/acknowledged', params: {} }));
  }
  if (params.name === 'hang') return void response.writeHead(200, { 'content-type': 'text/event-stream' }).write(progress(1, 'hangs'));
  if (params.name === 'many') {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (let n = 1; n <= 20; n++) response.write(progress(n, 'x'.repeat(1000)));
    return void response.end(event({ id, result: { content: [] } }));
  }
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, result: method === 'tools/list' ? { tools: [] } : { content: [{ type: 'text', text: JSON.stringify(params.arguments) }] } }));
}

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'precinct-adapter-'));
  seen.length = 0;
  [hangUps, listening] = [0, 0];
  gateway = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (part: string) => { body += part; }).on('end', () => answer(request, response, body));
  });
  await new Promise<void>((resolve) => gateway.listen(0, '127.0.0.1', resolve));
  gatewayUrl = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`;
});

afterEach(async () => {
  if (adapter.exitCode === null && adapter.signalCode === null) {
    adapter.kill('SIGKILL');
    await new Promise((resolve) => adapter.once('exit', resolve));
  }
  await new Promise((resolve) => {
    gateway.close(resolve);
    gateway.closeAllConnections();
  });
  rmSync(dir, { recursive: true, force: true });
});

const knowing = (...agents: readonly Frame[]): void => writeFileSync(join(dir, 'agents.json'), JSON.stringify({ agents }));
const alpha = { key_sha256: hash('key-alpha'), spiffe_id: ALPHA, dev_header: true };
const beta = { key_sha256: hash('key-beta'), spiffe_id: BETA, jwt_file: 'beta.jwt' };

async function start(bounds: Readonly<Record<string, number>> = {}, more: Frame = {}): Promise<void> {
  knowing(alpha, beta);
  writeFileSync(join(dir, 'beta.jwt'), `${TOKEN}\n`);
  writeFileSync(join(dir, 'adapter.json'), JSON.stringify({ listen: { port: 0 }, gateway_url: gatewayUrl, bounds, ...more }));
  log = '';
  adapter = spawn(process.execPath, [RUN, '--config', join(dir, 'adapter.json')], { stdio: ['ignore', 'ignore', 'pipe'] });
  adapter.stderr?.on('data', (part: Buffer) => { log += part.toString(); });
  await until(() => log.includes('"listening"') || adapter.exitCode !== null);
  url = /"url":"([^"]+)"/.exec(log)?.[1] ?? '';
}

interface Answer {
  readonly status: number;
  readonly body: { readonly error?: Frame; readonly [member: string]: unknown };
}

function http(method: string, path: string, key: string | undefined, body?: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = httpRequest(url, { path, method, agent: false, headers: { ...(key === undefined ? {} : { 'courier-key': key }), ...headers } }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => { text += part; }).on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as Answer['body'] }));
    });
    asked.on('error', reject);
    asked.end(body);
  });
}
const invoke = (key: string, action: string, input: Frame = {}): Promise<Answer> => http('POST', '/v1/actions', key, JSON.stringify({ action, input }));

interface Socket {
  readonly frames: Frame[];
  readonly closed: () => number | undefined;
  readonly raw: WebSocket;
  send(frame: unknown): void;
}

async function open(options: ClientOptions = {}, path = '/v1/session', protocols: string[] = ['courier.v1']): Promise<Socket> {
  const raw = new WebSocket(`${url.replace('http', 'ws')}${path}`, protocols, { perMessageDeflate: false, ...options });
  const frames: Frame[] = [];
  let code: number | undefined;
  raw.on('message', (data: Buffer) => void frames.push(JSON.parse(data.toString()) as Frame));
  raw.on('close', (closed) => { code = closed; });
  await new Promise<void>((resolve, reject) => {
    raw.once('open', resolve);
    raw.once('unexpected-response', (_request, response) => reject(new Error(`HTTP ${response.statusCode}`)));
    raw.on('error', reject);
  });
  return { frames, raw, closed: () => code, send: (frame) => raw.send(typeof frame === 'string' || Buffer.isBuffer(frame) ? frame : JSON.stringify(frame)) };
}

async function connected(key = 'key-alpha', resume?: Frame, options: ClientOptions = {}): Promise<Socket & { readonly session: string }> {
  const socket = await open(options);
  socket.send({ kind: 'connect', key, ...(resume === undefined ? {} : { resume }) });
  await until(() => socket.frames.length > 0 || socket.closed() !== undefined);
  return { ...socket, session: String(socket.frames[0]?.['session']) };
}
const errorOf = (frame: Frame | undefined): unknown => (frame?.['error'] as Frame | undefined)?.['code'];

describe('the evidence', () => {
  it('is each agent\'s own, over HTTP and WebSocket, at once', async () => {
    await start();
    const sockets = [await connected('key-alpha'), await connected('key-beta')];
    await Promise.all([
      ...Array.from({ length: 10 }, (_, n) => Promise.all([invoke('key-alpha', 'of-alpha', { n }), invoke('key-beta', 'of-beta', { n })])),
      ...sockets.map(async (socket, at) => {
        for (let n = 0; n < 10; n++) socket.send({ kind: 'request', id: String(n), op: 'invoke', action: at === 0 ? 'of-alpha' : 'of-beta' });
        await until(() => socket.frames.filter(({ kind }) => kind === 'response').length === 10);
      }),
    ]);
    const evidence = (tool: string) => new Set(seen.filter((one) => one.tool === tool).map(({ headers }) => JSON.stringify([headers['x-spiffe-id'], headers.authorization])));
    expect(evidence('of-alpha')).toEqual(new Set([JSON.stringify([ALPHA, undefined])]));
    expect(evidence('of-beta')).toEqual(new Set([JSON.stringify([null, `Bearer ${TOKEN}`])]));
    expect(seen.filter(({ tool }) => tool !== '')).toHaveLength(40);
    expect(JSON.stringify(seen)).not.toContain('key-alpha');
    expect(log).not.toMatch(new RegExp(`key-alpha|key-beta|${TOKEN}`));
  });

  it('is the newest: a renewed JWT-SVID goes out with the next call', async () => {
    await start();
    await invoke('key-beta', 'before');
    writeFileSync(join(dir, 'beta.jwt'), TOKEN.replace('c2ln', 'bmV3'));
    await invoke('key-beta', 'after');
    expect(seen.map(({ tool, headers }) => [tool, headers.authorization])).toEqual([['before', `Bearer ${TOKEN}`], ['after', `Bearer ${TOKEN.replace('c2ln', 'bmV3')}`]]);
  });

  it('in the clear is kept from a gateway that is not on loopback', async () => {
    await start({}, { gateway_url: 'http://gateway.example:9090' });
    for (const key of ['key-alpha', 'key-beta']) expect(await invoke(key, 'x')).toMatchObject({ status: 502, body: { error: { code: 'adapter_misconfigured' } } });
    expect(log).toContain('evidence_refused');
  });

  it('may be an X.509-SVID, one for each agent, and the agents\' side may be TLS as well', async () => {
    const ca = makeAuthority('authority');
    const serving = makeServerCertificate(ca, Date.now());
    const callers: unknown[] = [];
    const secure = createTlsServer({ cert: serving.pem, key: serving.privateKeyPem, ca: ca.pem, requestCert: true, rejectUnauthorized: true }, (request, response) => {
      callers.push((request.socket as TLSSocket).getPeerCertificate().subjectaltname);
      let body = '';
      request.setEncoding('utf8').on('data', (part: string) => { body += part; }).on('end', () => answer(request, response, body));
    });
    await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
    const write = (name: string, text: string): string => {
      writeFileSync(join(dir, name), text);
      return name;
    };
    const agents = [['alpha', ALPHA], ['beta', BETA]].map(([name = '', id = '']) => {
      const svid = makeSvid(ca, id, validAround(Date.now()));
      return { key_sha256: hash(`key-${name}`), spiffe_id: id, cert_file: write(`${name}.pem`, svid.pem), key_file: write(`${name}.key`, svid.privateKeyPem), ca_file: write('ca.pem', ca.pem) };
    });
    writeFileSync(join(dir, 'x509.json'), JSON.stringify({ agents }));
    await start({}, { listen: { port: 0, cert_file: write('own.pem', serving.pem), key_file: write('own.key', serving.privateKeyPem) }, gateway_url: `https://127.0.0.1:${(secure.address() as AddressInfo).port}`, agents_file: 'x509.json' });
    expect(url).toMatch(/^https:/);
    for (const key of ['key-alpha', 'key-beta', 'key-alpha']) {
      const status = await new Promise((resolve, reject) => {
        const asked = httpsRequest(new URL('/v1/actions', url), { method: 'POST', ca: ca.pem, agent: false, headers: { 'courier-key': key } }, (response) => resolve(response.resume().statusCode));
        asked.on('error', reject);
        asked.end('{"action":"echo"}');
      });
      expect(status).toBe(200);
    }
    expect(callers).toEqual([`URI:${ALPHA}`, `URI:${BETA}`, `URI:${ALPHA}`]);
    await new Promise((resolve) => {
      secure.close(resolve);
      secure.closeAllConnections();
    });
  });

  it('that is taken back ends the agent\'s sessions, and nobody else\'s', async () => {
    await start({ heartbeat_s: 1 });
    const [one, other] = [await connected('key-alpha'), await connected('key-beta')];
    one.send({ kind: 'request', id: '1', op: 'invoke', action: 'hang' });
    await until(() => seen.some(({ tool }) => tool === 'hang'));
    knowing(beta);
    await until(() => one.closed() !== undefined && hangUps > 0);
    expect(other.closed()).toBeUndefined();
    expect((await invoke('key-alpha', 'x')).status).toBe(401);
  });
});

describe('the trace', () => {
  it('of each request is its own, over HTTP and WebSocket; what is no text is none', async () => {
    await start();
    const given = ['a', 'b', 'c', 'd'].map((digit) => `00-${digit.repeat(32)}-00f067aa0ba902b7-01`);
    const [called = '', listed = '', ...ofFrames] = given;
    const socket = await connected();
    const ops = [{ op: 'invoke', action: 'called' }, { op: 'list' }];
    for (const [at, traceparent] of ofFrames.entries()) socket.send({ kind: 'request', id: `given-${at}`, ...ops[at], traceparent });
    for (const [at, traceparent] of [[called], { toString: 1 }, 1, null, undefined].entries()) socket.send({ kind: 'request', id: `odd-${at}`, op: 'invoke', action: 'odd', traceparent });
    await Promise.all([http('POST', '/v1/actions', 'key-alpha', '{"action":"called"}', { traceparent: called }), http('GET', '/v1/actions', 'key-alpha', undefined, { traceparent: listed })]);
    await until(() => socket.frames.filter(({ ok }) => ok === true).length === 7);
    const traces = (which: (one: Seen) => boolean) => seen.filter(which).map(({ headers }) => headers['traceparent']);
    expect([traces(({ tool }) => tool === 'called').sort(), traces(({ method }) => method === 'tools/list').sort()]).toEqual([[given[0], given[2]], [given[1], given[3]]]);
    const fresh = traces(({ tool }) => tool === 'odd');
    expect([new Set(fresh).size, fresh.filter((one) => given.includes(String(one)))]).toEqual([5, []]);
  });
});

describe('over HTTP', () => {
  it('what is wrong is refused in the protocol\'s shape, and the gateway sees nothing', async () => {
    await start({ body_bytes: 2000 });
    for (const [what, method, path, key, body, status, code] of [
      ['no key', 'POST', '/v1/actions', undefined, '{}', 401, 'unknown_key'], ['a wrong key', 'GET', '/v1/actions', 'key', undefined, 401, 'unknown_key'], ['another path', 'GET', '/v2', 'key-alpha', undefined, 404, 'unknown_path'],
      ['a path that is none', 'GET', '//', 'key-alpha', undefined, 400, 'invalid_request'],
      ['another method', 'PUT', '/v1/actions', 'key-alpha', '{}', 405, 'method_not_allowed'], ['a wrong page', 'GET', '/v1/actions?limit=0', 'key-alpha', undefined, 400, 'invalid_request'],
      ['an action that is none', 'GET', '/v1/actions/act_x', 'key-alpha', undefined, 404, 'unknown_action'], ['a body above the limit', 'POST', '/v1/actions', 'key-alpha', `{"action":"x","input":{"t":"${'x'.repeat(3000)}"}}`, 413, 'too_large'],
      ['a number that would be rounded', 'POST', '/v1/actions', 'key-alpha', '{"action":"x","input":{"n":12345678901234567890}}', 400, 'number_too_large'], ['a number without end', 'POST', '/v1/actions', 'key-alpha', '{"action":"x","input":{"n":1e999}}', 400, 'number_too_large'],
    ] as const) {
      const { status: got, body: { error } } = await http(method, path, key, body);
      expect([what, got, error?.['code'], typeof error?.['message'], error?.['retryable']]).toEqual([what, status, code, 'string', false]);
    }
    expect(seen).toEqual([]);
  });

  it('digits within a text are no number', async () => {
    await start();
    expect((await invoke('key-alpha', 'echo', { n: '12345678901234567890', '98765432109876543210': 1.5 })).body).toMatchObject({ status: 'succeeded', output: { text: '{"n":"12345678901234567890","98765432109876543210":1.5}' } });
  });

  it('a body that is sent in pieces has the same limit', async () => {
    await start({ body_bytes: 2000 });
    const { status } = await http('POST', '/v1/actions', 'key-alpha', 'x'.repeat(3000), { 'transfer-encoding': 'chunked' });
    expect([status, seen]).toEqual([413, []]);
  });

  it('another agent\'s action can be neither seen nor cancelled, and ends with who asked for it', async () => {
    await start();
    const asked = httpRequest(new URL('/v1/actions', url), { method: 'POST', headers: { 'courier-key': 'key-alpha', accept: 'application/x-ndjson' } });
    asked.on('error', () => undefined);
    asked.end('{"action":"hang"}');
    const id = await new Promise<string>((resolve) => { asked.on('response', (response) => { response.once('data', (part: Buffer) => resolve((JSON.parse(part.toString().split('\n')[0] ?? '') as { id: string }).id)); }); });
    await until(() => seen.length > 0);
    for (const method of ['GET', 'DELETE']) expect((await http(method, `/v1/actions/${id}`, 'key-beta')).status).toBe(404);
    expect((await http('GET', `/v1/actions/${id}`, 'key-alpha')).body).toMatchObject({ id, action: 'hang', status: 'running' });
    asked.destroy();
    await until(() => hangUps === 1);
  });
});

describe('over WebSocket', () => {
  it('another path, a page or another protocol is not upgraded', async () => {
    await start();
    await expect(open({}, '/')).rejects.toThrow('HTTP 404');
    await expect(open({ origin: 'https://page.example' })).rejects.toThrow('HTTP 403');
    await expect(open({}, '/v1/session', ['mcp'])).rejects.toThrow('HTTP 400');
  });

  it('who begins wrongly is told, and closed', async () => {
    await start();
    for (const [frame, code] of [
      [{ kind: 'connect', key: 'wrong' }, 'unknown_key'], [{ kind: 'connect' }, 'unknown_key'], [{ kind: 'request', id: '1', op: 'list' }, 'connect_first'], ['{', 'malformed'],
      [{ kind: 'connect', key: 'key-alpha', resume: { session: 'ses_x', after: 0 } }, 'session_gone'],
    ] as const) {
      const socket = await open();
      socket.send(frame);
      socket.send({ kind: 'connect', key: 'key-alpha' }); // too late on this connection
      await until(() => socket.closed() !== undefined);
      expect([socket.frames.map(errorOf), socket.closed()]).toEqual([[code], 4401]);
    }
    expect(seen).toEqual([]);
  });

  it('who does not say who he is is cut, and only so many may wait', async () => {
    await start({ unconnected: 2, headers_timeout_ms: 1500 });
    const silent = [await open(), await open()];
    await expect(open()).rejects.toThrow('HTTP 503');
    await until(() => silent.every((socket) => socket.closed() !== undefined));
    expect((await connected()).session).toMatch(/^ses_/);
  });

  it('a session is its agent\'s alone', async () => {
    await start();
    const { session } = await connected('key-alpha');
    const thief = await connected('key-beta', { session, after: 0 });
    await until(() => thief.closed() !== undefined);
    expect(errorOf(thief.frames[0])).toBe('session_gone');
  });

  it('the newest connection has the session', async () => {
    await start();
    const first = await connected();
    const second = await connected('key-alpha', { session: first.session, after: 0 });
    await until(() => first.closed() !== undefined);
    second.send({ kind: 'request', id: '1', op: 'invoke', action: 'echo' });
    await until(() => second.frames.some(({ kind }) => kind === 'response'));
  });

  it('a session that nobody comes back to ends: its calls are cancelled, and it can not be resumed', async () => {
    await start({ resume_s: 1 });
    const gone = await connected();
    gone.send({ kind: 'request', id: '1', op: 'invoke', action: 'hang' });
    await until(() => seen.some(({ tool }) => tool === 'hang'));
    const before = hangUps;
    gone.raw.terminate();
    await until(() => hangUps >= before + 2); // the call, and what listened for changes
    const back = await connected('key-alpha', { session: gone.session, after: 0 });
    expect(errorOf(back.frames[0])).toBe('session_gone');
  });

  it('what was acknowledged is not resumed from before it', async () => {
    await start();
    const first = await connected();
    first.send({ kind: 'request', id: '1', op: 'invoke', action: 'echo' });
    await until(() => first.frames.length === 2);
    first.send({ kind: 'ack', seq: 1 });
    first.send({ kind: 'ping' });
    await until(() => first.frames.length === 3);
    const back = await connected('key-alpha', { session: first.session, after: 0 });
    expect(errorOf(back.frames[0])).toBe('session_gone');
  });

  it('who never acknowledges gets no more than the window, and is cut', async () => {
    await start({ window_bytes: 5000, stalled_s: 1, heartbeat_s: 1 });
    const socket = await connected();
    socket.send({ kind: 'request', id: '1', op: 'invoke', action: 'many' });
    await until(() => socket.closed() !== undefined);
    const bytes = socket.frames.filter(({ seq }) => seq !== undefined).reduce((sum, frame) => sum + JSON.stringify(frame).length, 0);
    expect(bytes).toBeGreaterThan(2000);
    expect(bytes).toBeLessThan(6000);
  });

  it('who answers no ping is cut', async () => {
    await start({ heartbeat_s: 1 });
    const deaf = await connected('key-alpha', undefined, { autoPong: false });
    const well = await connected('key-beta');
    await until(() => deaf.closed() !== undefined);
    expect(well.closed()).toBeUndefined();
  });

  it('sessions, requests and ids have their limits', async () => {
    await start({ sessions_per_agent: 1, calls_per_session: 2 });
    const socket = await connected();
    expect(errorOf((await connected()).frames[0])).toBe('adapter_busy');
    for (const id of ['1', '1', '2', '3']) socket.send({ kind: 'request', id, op: 'invoke', action: 'hang' });
    await until(() => socket.frames.filter(({ kind }) => kind === 'error').length === 2);
    expect(socket.frames.filter(({ kind }) => kind === 'error').map((frame) => [frame['id'], errorOf(frame)])).toEqual([[undefined, 'duplicate_id'], ['3', 'adapter_busy']]);
    for (const [id, target] of [['4', '1'], ['5', '2']]) socket.send({ kind: 'request', id, op: 'cancel', target });
    await until(() => socket.frames.filter(({ kind }) => kind === 'response').length === 4);
    socket.send({ kind: 'request', id: '6', op: 'cancel', target: '9' });
    await until(() => socket.frames.filter(({ kind }) => kind === 'response').length === 5);
    expect(socket.frames.filter(({ kind, id }) => kind === 'response' && ['4', '5', '6'].includes(String(id))).map(({ id, result }) => [id, (result as Frame)['cancelled']])).toEqual([['4', true], ['5', true], ['6', false]]);
  });

  it('bytes are no frame, and neither is one far above the limit', async () => {
    await start({ body_bytes: 2000 });
    const [binary, large, slightly] = [await connected(), await connected(), await connected()];
    binary.send(Buffer.from('{"kind":"ping"}'));
    large.send(`{"kind":"request","id":"1","op":"invoke","action":"x","input":{"t":"${'x'.repeat(9000)}"}}`);
    slightly.send(`{"kind":"request","id":"1","op":"invoke","action":"x","input":{"t":"${'x'.repeat(2500)}"}}`);
    await until(() => binary.closed() !== undefined && large.closed() !== undefined && slightly.frames.length === 2);
    expect([binary.closed(), large.closed(), slightly.frames[1]?.['id'], errorOf(slightly.frames[1]), slightly.closed()]).toEqual([1003, 1009, '1', 'too_large', undefined]);
    expect(seen.filter(({ tool }) => tool !== '')).toEqual([]);
  });

  it('all sessions of an agent listen by one subscription, which ends with the last of them', async () => {
    await start();
    const sockets = [await connected(), await connected(), await connected()];
    await until(() => listening === 1);
    sockets[0]?.send({ kind: 'bye' });
    sockets[1]?.send({ kind: 'bye' });
    await until(() => sockets[0]?.closed() !== undefined && sockets[1]?.closed() !== undefined);
    expect([listening, hangUps]).toEqual([1, 0]);
    sockets[2]?.send({ kind: 'bye' });
    await until(() => hangUps === 1);
  });
});

describe('the end', () => {
  it('cancels what does not end within the grace, says goodbye, and leaves with 0', async () => {
    await start({ shutdown_grace_s: 1 });
    const socket = await connected();
    socket.send({ kind: 'request', id: '1', op: 'invoke', action: 'hang' });
    await until(() => seen.some(({ tool }) => tool === 'hang'));
    adapter.kill('SIGTERM');
    await until(() => adapter.exitCode !== null);
    await until(() => socket.closed() !== undefined);
    const response = socket.frames.find(({ kind }) => kind === 'response');
    expect([adapter.exitCode, socket.closed(), errorOf(response)]).toEqual([0, 1001, 'cancelled']);
  });

  it('without a config that can be read it does not begin', async () => {
    await start({}, { listen: { host: '0.0.0.0' } });
    await until(() => adapter.exitCode !== null);
    expect([adapter.exitCode, log]).toEqual([2, expect.stringContaining('in the clear')]);
  });
});
