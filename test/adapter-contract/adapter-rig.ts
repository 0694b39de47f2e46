// The worked adapter as a process before a scripted gateway, and clients of it, for the tests of this folder.
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach } from 'vitest';
import { WebSocket, type ClientOptions } from 'ws';
import { until } from '../support/until.js';

const RUN = fileURLToPath(new URL('../../examples/adapter/run.mjs', import.meta.url));
export const ALPHA = 'spiffe://poc.local/agents/mcp-client/alpha/dev';
export const BETA = 'spiffe://poc.local/agents/mcp-client/beta/dev';
export const TOKEN = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJvbmUifQ.c2ln';
export const hash = (key: string): string => createHash('sha256').update(key).digest('hex');

export type Frame = Readonly<Record<string, unknown>>;
export interface Seen {
  readonly method: string;
  readonly tool: string;
  readonly headers: IncomingHttpHeaders;
}

let server: Server;
/** What the gateway saw. */
export const gateway = { url: '', seen: [] as Seen[], hangUps: 0 };
/** The one that was started last; `dir` is its own. */
export const adapter = { dir: '', url: '', log: '', child: undefined as ChildProcess | undefined };

/** As the gateway does it; what a test's own server gets, it may give to this. */
export function answer(asked: IncomingMessage, response: ServerResponse): void {
  let body = '';
  asked.setEncoding('utf8').on('data', (part: string) => { body += part; }).on('end', () => {
    const { id, method, params } = JSON.parse(body) as { id: number; method: string; params: { name?: string; arguments?: Frame; _meta?: { progressToken?: unknown } } };
    const { seen } = gateway;
    seen.push({ method, tool: params.name ?? '', headers: asked.headers });
    // A server has closed before its last sockets say so: what the test before left open is not of this one.
    response.on('close', () => { if (!response.writableFinished && gateway.seen === seen) gateway.hangUps += 1; });
    const event = (message: object): string => `data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`;
    const progress = (n: number, note: string): string => event({ method: 'notifications/progress', params: { progressToken: params._meta?.progressToken, progress: n, message: note } });
    if (method === 'subscriptions/listen') return void response.writeHead(200, { 'content-type': 'text/event-stream' }).write(event({ method: 'notifications/subscriptions/acknowledged', params: {} }));
    if (params.name === 'hang') return void response.writeHead(200, { 'content-type': 'text/event-stream' }).write(progress(1, 'hangs'));
    if (params.name === 'many') {
      const { events = 20, bytes = 1000 } = params.arguments ?? {};
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (let n = 1; n <= Number(events); n++) response.write(progress(n, 'x'.repeat(Number(bytes))));
      return void response.end(event({ id, result: { content: [] } }));
    }
    const json = (message: object): unknown => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, ...message }));
    if (params.name === 'deed') return void json({ error: { code: 403, message: 'Ask.', data: { code: 'stepup_approval_required', message: 'Ask.', decision_id: 'd', details: { request_id: `apr-${String(params.arguments?.['of'])}` } } } });
    json({ result: method === 'tools/list' ? { tools: [] } : { content: [{ type: 'text', text: JSON.stringify(params.arguments) }] } });
  });
}

beforeEach(async () => {
  adapter.dir = mkdtempSync(join(tmpdir(), 'precinct-adapter-'));
  server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  Object.assign(gateway, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen: [], hangUps: 0 });
});

afterEach(async () => {
  const { child } = adapter;
  if (child !== undefined && child.exitCode === null && child.signalCode === null) {
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
  }
  await new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
  rmSync(adapter.dir, { recursive: true, force: true });
});

export const alpha = { key_sha256: hash('key-alpha'), spiffe_id: ALPHA, dev_header: true };
export const beta = { key_sha256: hash('key-beta'), spiffe_id: BETA, jwt_file: 'beta.jwt' };
export const knowing = (...agents: readonly Frame[]): void => writeFileSync(join(adapter.dir, 'agents.json'), JSON.stringify({ agents }));

export async function start(bounds: Readonly<Record<string, number>> = {}, more: Frame = {}): Promise<void> {
  knowing(alpha, beta);
  writeFileSync(join(adapter.dir, 'beta.jwt'), `${TOKEN}\n`);
  writeFileSync(join(adapter.dir, 'adapter.json'), JSON.stringify({ listen: { port: 0 }, gateway_url: gateway.url, bounds, ...more }));
  const child = spawn(process.execPath, [RUN, '--config', join(adapter.dir, 'adapter.json')], { stdio: ['ignore', 'ignore', 'pipe'] });
  Object.assign(adapter, { child, log: '' });
  child.stderr.on('data', (part: Buffer) => { adapter.log += part.toString(); });
  await until(() => adapter.log.includes('"listening"') || child.exitCode !== null);
  adapter.url = /"url":"([^"]+)"/.exec(adapter.log)?.[1] ?? '';
}

interface Answer {
  readonly status: number;
  readonly body: { readonly error?: Frame; readonly [member: string]: unknown };
}

export function http(method: string, path: string, key: string | undefined, body?: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(adapter.url, { path, method, agent: false, headers: { ...(key === undefined ? {} : { 'courier-key': key }), ...headers } }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => { text += part; }).on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as Answer['body'] }));
    });
    asked.on('error', reject);
    asked.end(body);
  });
}
export const invoke = (key: string, action: string, input: Frame = {}): Promise<Answer> => http('POST', '/v1/actions', key, JSON.stringify({ action, input }));

export interface Socket {
  readonly frames: Frame[];
  readonly closed: () => number | undefined;
  readonly raw: WebSocket;
  send(frame: unknown): void;
}

export async function open(options: ClientOptions = {}, path = '/v1/session', protocols: string[] = ['courier.v1']): Promise<Socket> {
  const raw = new WebSocket(`${adapter.url.replace('http', 'ws')}${path}`, protocols, { perMessageDeflate: false, ...options });
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

export async function connected(key = 'key-alpha', resume?: Frame, options: ClientOptions = {}): Promise<Socket & { readonly session: string }> {
  const socket = await open(options);
  socket.send({ kind: 'connect', key, ...(resume === undefined ? {} : { resume }) });
  await until(() => socket.frames.length > 0 || socket.closed() !== undefined);
  return { ...socket, session: String(socket.frames[0]?.['session']) };
}
export const errorOf = (frame: Frame | undefined): unknown => (frame?.['error'] as Frame | undefined)?.['code'];
