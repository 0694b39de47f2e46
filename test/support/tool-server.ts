// A small real MCP tool server for tests on raw node:http, with switches for everything that can go wrong. Also starts the demo server as a process.
import { spawn } from 'node:child_process';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { fileURLToPath } from 'node:url';

export const MY_TOOL_TEXT = '{"name":"my_tool","description":"Does something useful","inputSchema":{"type":"object","properties":{"query":{"type":"string"}}}}';
export const ECHO_TEXT = '{"name":"echo","description":"Return the given text","inputSchema":{"type":"object","properties":{"text":{"type":"string"}}}}';

/** How tools/list, tools/call and every other request is answered. */
export type Answering =
  | 'json' | 'sse'
  /** never answers */
  | 'hang'
  | 'html'
  /** status line, part of the body, then the connection is cut */
  | 'die_mid_stream'
  /** Content-Length says more than comes / less than comes */
  | 'length_too_long' | 'length_too_short'
  /** the answer's bytes come one piece per `slowMs` */
  | 'slow'
  | 'gzip' | 'redirect' | 'not_http' | 'two_content_types' | 'big_header' | 'http_500' | 'early_hints'
  /** a JSON-RPC error */
  | 'rpc_error'
  /** the answer is not JSON though it says so */
  | 'bad_json'
  /** SSE: notifications and a server request before the answer */
  | 'sse_chatty';

export interface ToolServerOptions {
  readonly tools?: readonly string[];
  readonly era?: 'legacy' | 'modern' | 'both';
  readonly sessions?: boolean;
  readonly pageSize?: number;
  readonly answering?: Answering;
}

export interface SeenRequest {
  readonly httpMethod: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  readonly rpcMethod: string;
}

export interface ToolServer {
  readonly url: string;
  readonly port: number;
  readonly seen: SeenRequest[];
  /** JSON texts of the tools served, in order; may be replaced at any time. */
  tools: readonly string[];
  answering: Answering;
  /** Applies to these methods only (all when empty); `initialize` and `server/discover` are answered well unless named. */
  answeringFor: readonly string[];
  slowMs: number;
  answerBytes: number;
  /** The text of the answer as JSON, as it is written. */
  answerJson: string | undefined;
  /** Every page names a next one. */
  endlessPages: boolean;
  readonly openSessions: ReadonlySet<string>;
  forgetSessions(): void;
  connections(): number;
  /** Answers whose connection ended before they did. */
  hangUps(): number;
  close(): Promise<void>;
}

const SSE_HEAD = { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' } as const;
const WELL_ANSWERED = ['initialize', 'server/discover', 'notifications/initialized'];

export async function startToolServer(options: ToolServerOptions = {}): Promise<ToolServer> {
  const sessions = new Set<string>();
  const sockets = new Set<Socket>();
  const seen: SeenRequest[] = [];
  let sessionCount = 0;
  let hangUps = 0;
  const era = options.era ?? 'legacy';
  const hasSessions = options.sessions ?? era !== 'modern';

  const http = createServer((request, response) => {
    response.on('close', () => { if (!response.writableFinished) hangUps += 1; });
    readBody(request).then((body) => handle(request, response, body), () => response.destroy());
  });
  http.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
  });

  function handle(request: IncomingMessage, response: ServerResponse, body: string): void {
    const message = parse(body);
    const rpcMethod = typeof message.method === 'string' ? message.method : '';
    seen.push({ httpMethod: request.method ?? '', url: request.url ?? '', headers: request.headers, body, rpcMethod });
    if (request.method === 'DELETE') {
      response.writeHead(sessions.delete(String(request.headers['mcp-session-id'])) ? 200 : 404).end();
      return;
    }
    if (request.method === 'GET' && server.answering === 'json') return void response.writeHead(405).end();
    const modernCall = request.headers['mcp-protocol-version'] === '2026-07-28';
    if (modernCall && era === 'legacy') return void json(response, 400, { jsonrpc: '2.0', id: null, error: { code: -32000, message: 'Bad Request: Server not initialized' } });
    if (!modernCall && era === 'modern') return void json(response, 400, { jsonrpc: '2.0', id: null, error: { code: -32022, message: 'unsupported protocol version', data: { supported: ['2026-07-28'] } } });
    if (!modernCall && hasSessions && rpcMethod !== 'initialize') {
      const id = request.headers['mcp-session-id'];
      if (id === undefined) return void json(response, 400, { jsonrpc: '2.0', id: null, error: { code: -32000, message: 'no session' } });
      if (!sessions.has(String(id))) return void json(response, 404, { jsonrpc: '2.0', id: null, error: { code: -32001, message: 'Session not found' } });
    }
    const idText = JSON.stringify(message.id ?? null);
    const how = applies(rpcMethod) ? server.answering : 'json';
    if (how === 'json' && message.id === undefined) return void response.writeHead(202).end();
    const headers: Record<string, string> = {};
    if (rpcMethod === 'initialize' && hasSessions) {
      sessionCount += 1;
      const id = `session-${sessionCount}`;
      sessions.add(id);
      headers['mcp-session-id'] = id;
    }
    answer(how, response, `{"jsonrpc":"2.0","id":${idText},"result":${resultOf(rpcMethod, message)}}`, idText, headers, server);
  }

  function applies(rpcMethod: string): boolean {
    return server.answeringFor.length > 0 ? server.answeringFor.includes(rpcMethod) : !WELL_ANSWERED.includes(rpcMethod);
  }

  function resultOf(rpcMethod: string, message: { params?: { cursor?: unknown; name?: unknown } }): string {
    if (rpcMethod === 'initialize') return '{"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":true}},"serverInfo":{"name":"tool-server","version":"1"}}';
    if (rpcMethod === 'server/discover') return `{"supportedVersions":${era === 'legacy' ? '[]' : '["2026-07-28"]'},"capabilities":{"tools":{}},"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"tool-server","version":"1"}}}`;
    if (rpcMethod === 'tools/list') return listPage(message.params?.cursor);
    const text = server.answerBytes > 0 ? 'x'.repeat(server.answerBytes) : `called ${String(message.params?.name ?? rpcMethod)}`;
    return `{"content":[{"type":"text","text":${server.answerJson ?? JSON.stringify(text)}}]}`;
  }

  function listPage(cursor: unknown): string {
    const from = typeof cursor === 'string' ? Number(cursor) : 0;
    const size = options.pageSize ?? Infinity;
    const page = server.tools.slice(from, from + size);
    const next = server.endlessPages ? ',"nextCursor":"0"' : from + size < server.tools.length ? `,"nextCursor":"${from + size}"` : '';
    return `{"tools":[${page.join(',')}]${next}}`;
  }

  const server: ToolServer = {
    url: '', port: 0, seen,
    tools: options.tools ?? [MY_TOOL_TEXT, ECHO_TEXT],
    answering: options.answering ?? 'json',
    answeringFor: [],
    slowMs: 5,
    answerBytes: 0, answerJson: undefined,
    endlessPages: false,
    openSessions: sessions,
    forgetSessions: () => sessions.clear(),
    connections: () => sockets.size,
    hangUps: () => hangUps,
    close: () => new Promise((resolve) => {
      http.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    }),
  };
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  return Object.assign(server, { url: `http://127.0.0.1:${port}/mcp`, port });
}

function answer(how: Answering, response: ServerResponse, text: string, idText: string, headers: Record<string, string>, server: ToolServer): void {
  const socket = response.socket;
  const asJson = { ...headers, 'content-type': 'application/json' };
  const length = Buffer.byteLength(text);
  switch (how) {
    case 'json': return void response.writeHead(200, { ...asJson, 'content-length': String(length) }).end(text);
    case 'sse': return void response.writeHead(200, { ...headers, ...SSE_HEAD }).end(`event: message\ndata: ${text}\n\n`);
    case 'sse_chatty': return void response.writeHead(200, { ...headers, ...SSE_HEAD }).end(
      `: hello\r\n\r\nid: 1\r\ndata: \r\n\r\ndata: {"jsonrpc":"2.0","method":"notifications/message","params":{}}\r\n\r\ndata: {"jsonrpc":"2.0","id":${idText},"method":"sampling/createMessage","params":{}}\r\n\r\ndata: ${text}\r\n\r\n`);
    case 'hang': return;
    case 'html': return void response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Sign in</title>');
    case 'die_mid_stream':
      response.writeHead(200, { ...headers, ...SSE_HEAD });
      response.write(`event: message\ndata: ${text.slice(0, 20)}`, () => setImmediate(() => socket?.destroy()));
      return;
    case 'length_too_long':
      response.writeHead(200, { ...asJson, 'content-length': String(length + 100) });
      response.write(text, () => setImmediate(() => socket?.destroy()));
      return;
    case 'length_too_short': return raw(socket, `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${length - 5}\r\n\r\n${text}`);
    case 'slow': return slowly(response, text, asJson, server);
    case 'gzip': return void response.writeHead(200, { ...asJson, 'content-encoding': 'gzip' }).end(text);
    case 'redirect': return void response.writeHead(307, { location: 'http://127.0.0.1:1/elsewhere' }).end();
    case 'not_http': return raw(socket, 'SSH-2.0-OpenSSH_9.2\r\n');
    case 'two_content_types': return raw(socket, `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-type: text/event-stream\r\ncontent-length: ${length}\r\n\r\n${text}`);
    case 'big_header': return void response.writeHead(200, { ...asJson, 'x-filler': 'y'.repeat(64 * 1024) }).end(text);
    case 'http_500': return void response.writeHead(500, { 'content-type': 'text/plain' }).end('boom');
    case 'early_hints': return raw(socket, `HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n${text}`);
    case 'rpc_error': return void json(response, 200, { jsonrpc: '2.0', id: JSON.parse(idText), error: { code: -32603, message: 'no' } });
    case 'bad_json': return void response.writeHead(200, asJson).end('{"jsonrpc":"2.0","id":1,"result":{');
  }
}

function raw(socket: Socket | null, text: string): void {
  socket?.write(text, () => socket.end());
}

function slowly(response: ServerResponse, text: string, headers: Record<string, string>, server: ToolServer): void {
  response.writeHead(200, headers);
  response.flushHeaders();
  const pieces = text.match(/.{1,16}/gsu) ?? [];
  const step = (): void => {
    const piece = pieces.shift();
    if (piece === undefined || response.destroyed) return void response.end();
    response.write(piece);
    setTimeout(step, server.slowMs);
  };
  setTimeout(step, server.slowMs);
}

function json(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

function parse(body: string): { id?: unknown; method?: unknown; params?: { cursor?: unknown; name?: unknown } } {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

export interface StartedProcess {
  readonly url: string;
  readonly port: number;
  stop(): Promise<void>;
}

/** Starts a Node program that prints its URL, or is known to listen on `port`. */
export async function startNodeProcess(file: string, args: readonly string[], env: Readonly<Record<string, string>>, ready: RegExp): Promise<StartedProcess & { readonly output: string }> {
  const child = spawn(process.execPath, [file, ...args], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const found = await new Promise<RegExpExecArray>((resolve, reject) => {
    const onText = (text: Buffer): void => {
      output += text.toString('utf8');
      const match = ready.exec(output);
      if (match !== null) resolve(match);
    };
    child.stdout.on('data', onText);
    child.stderr.on('data', onText);
    child.on('exit', (code) => reject(new Error(`${file} ended with ${code}: ${output}`)));
  });
  const port = Number(found[1]);
  return {
    url: `http://127.0.0.1:${port}/mcp`, port, output,
    stop: () => new Promise((resolve) => {
      if (child.exitCode !== null) return resolve();
      child.once('exit', () => resolve());
      child.kill('SIGTERM');
    }),
  };
}

export function startDemoProcess(): Promise<StartedProcess & { readonly output: string }> {
  const file = fileURLToPath(new URL('../../examples/demo-server/server.mjs', import.meta.url));
  return startNodeProcess(file, ['--port', '0'], {}, /127\.0\.0\.1:(\d+)\/mcp[^\n]*\n/);
}
