// A real MCP tool server on node:http whose answers a test writes by hand; handshake, lists and notifications it answers itself.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ScriptedRequest {
  readonly httpMethod: string;
  readonly method: string;
  readonly idText: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}
export type Script = (request: ScriptedRequest, response: ServerResponse) => void;

export interface ScriptedServer {
  readonly url: string;
  readonly seen: ScriptedRequest[];
  readonly sessions: Set<string>;
  /** Of the requests it does not answer itself. */
  script: Script;
  /** What the ids of its sessions begin with. */
  sessionName: string;
  /** It greets, and knows no sessions. */
  sessionless: boolean;
  /** Of server/discover; it is no such method when there is none. */
  discovery: Script | undefined;
  /** Of GET streams; 405 when there is none. */
  stream: Script | undefined;
  /** The Authorization header without which it answers 401. */
  key: string | undefined;
  tools: readonly string[];
  instructions: string;
  /** It speaks 2026-07-28, too. */
  modern: boolean;
  /** Capabilities it names in its discovery, as a server of 2026-07-28 that refuses every handshake; undefined = it is none. */
  modernOnly: Readonly<Record<string, unknown>> | undefined;
  /** With which such a server refuses a handshake. */
  refusalStatus: number;
  /** Handshakes it refuses. */
  refuseHandshake: ((request: ScriptedRequest) => boolean) | undefined;
  /** Handshakes are answered when this has resolved. */
  delayHandshake: (() => Promise<void>) | undefined;
  /** Connections that the other side ended before their answer was whole. */
  hangUps: number;
  of(method: string): ScriptedRequest[];
  close(): Promise<void>;
}

export function jsonAnswer(response: ServerResponse, text: string, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(text);
}

export function resultFor(idText: string, text: string): string {
  return `{"jsonrpc":"2.0","id":${idText},"result":{"content":[{"type":"text","text":${JSON.stringify(text)}}]}}`;
}

export function sseHead(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
}

/** `idleMs`: after so long without a request it closes a connection; Node's 5 s unless said, 0 = never. */
export async function startScriptedServer(tools: readonly string[], { idleMs }: { readonly idleMs?: number } = {}): Promise<ScriptedServer> {
  let opened = 0;
  const http = createServer((request, response) => {
    response.on('close', () => {
      if (!response.writableFinished) server.hangUps++;
    });
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => void parts.push(part));
    request.on('end', () => answer(request, Buffer.concat(parts).toString('utf8'), response));
  });
  if (idleMs !== undefined) http.keepAliveTimeout = idleMs;

  function greet(seen: ScriptedRequest, response: ServerResponse): void {
    jsonAnswer(response, `{"jsonrpc":"2.0","id":${seen.idText},"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"s","version":"1"},"instructions":${JSON.stringify(server.instructions)}}}`);
  }

  function answer(request: IncomingMessage, body: string, response: ServerResponse): void {
    const message = (body === '' ? {} : JSON.parse(body)) as { method?: string; id?: unknown };
    const seen = { httpMethod: request.method ?? '', method: message.method ?? '', idText: message.id === undefined ? '' : JSON.stringify(message.id), headers: request.headers, body };
    server.seen.push(seen);
    if (server.key !== undefined && request.headers.authorization !== server.key) return jsonAnswer(response, '{"error":"unauthorized"}', 401);
    const session = request.headers['mcp-session-id'];
    if (request.headers['mcp-protocol-version'] !== '2026-07-28' && seen.method !== 'initialize' && session !== undefined && !server.sessions.has(String(session))) {
      return jsonAnswer(response, '{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}', 404);
    }
    if (seen.httpMethod === 'DELETE') return void response.writeHead(server.sessions.delete(String(session)) ? 200 : 404).end();
    if (seen.httpMethod === 'GET') return server.stream === undefined ? void response.writeHead(405).end() : server.stream(seen, response);
    switch (seen.method) {
      case 'initialize': {
        if (server.modernOnly !== undefined) return jsonAnswer(response, `{"jsonrpc":"2.0","id":${seen.idText},"error":{"code":-32601,"message":"Method not found"}}`, server.refusalStatus);
        if (server.refuseHandshake?.(seen) === true) return jsonAnswer(response, `{"jsonrpc":"2.0","id":${seen.idText},"error":{"code":-32602,"message":"Invalid params"}}`);
        const id = `${server.sessionName}-${++opened}`;
        server.sessions.add(id);
        if (!server.sessionless) response.setHeader('mcp-session-id', id);
        if (server.delayHandshake !== undefined) return void server.delayHandshake().then(() => greet(seen, response));
        return greet(seen, response);
      }
      case 'tools/list':
        return jsonAnswer(response, `{"jsonrpc":"2.0","id":${seen.idText},"result":{"tools":[${server.tools.join(',')}]}}`);
      case 'server/discover':
        if (server.discovery !== undefined) return server.discovery(seen, response);
        if (server.modern) return jsonAnswer(response, `{"jsonrpc":"2.0","id":${seen.idText},"result":{"resultType":"complete","supportedVersions":["2026-07-28","2025-11-25"],"capabilities":{"tools":{}},"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s","version":"1"}}}}`);
        if (server.modernOnly !== undefined) return jsonAnswer(response, `{"jsonrpc":"2.0","id":${seen.idText},"result":{"supportedVersions":["2026-07-28"],"capabilities":${JSON.stringify(server.modernOnly)},"resultType":"complete","ttlMs":0,"cacheScope":"public"}}`);
        return jsonAnswer(response, `{"jsonrpc":"2.0","id":${seen.idText},"error":{"code":-32601,"message":"no"}}`, 404);
      default:
        if (seen.idText === '' || seen.method === '') return void response.writeHead(202).end();
        return server.script(seen, response);
    }
  }

  const server: ScriptedServer = {
    url: '', seen: [], sessions: new Set(), tools, discovery: undefined, stream: undefined, instructions: '', key: undefined, modern: false, modernOnly: undefined, refusalStatus: 404, refuseHandshake: undefined, delayHandshake: undefined, hangUps: 0,
    sessionName: 's', sessionless: false, script: ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine')),
    of: (method) => server.seen.filter((one) => one.method === method),
    close: () => new Promise((resolve) => {
      http.close(() => resolve());
      http.closeAllConnections();
    }),
  };
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return Object.assign(server, { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp` });
}
