// A small real MCP server of one era on node:http that offers what a test says: tools, prompts, resources, templates, completion, logging, tasks, and streams of its sessions.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Offer {
  readonly era?: 'legacy' | 'modern';
  readonly tools?: readonly string[];
  readonly prompts?: readonly string[];
  readonly resources?: readonly string[];
  readonly templates?: readonly string[];
  readonly logging?: boolean;
  readonly tasks?: boolean;
  /** Of every list. */
  readonly pageSize?: number;
}

export interface SeenMessage {
  readonly method: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  readonly params: Readonly<Record<string, unknown>>;
}

export interface OfferingServer {
  readonly url: string;
  readonly seen: SeenMessage[];
  offer: Offer;
  /** Ids of tasks it has, and those it gives to the next tasks. */
  readonly tasks: Set<string>;
  nextTaskId: string;
  /** Asked for any of these, it speaks of another task. */
  readonly mistaken: Set<string>;
  /** Methods whose connection ends without an answer. */
  readonly broken: Set<string>;
  /** The status of a GET, where it opens no stream. */
  refuseStreams: number | undefined;
  of(method: string): SeenMessage[];
  /** Sends a notification on every open stream; how many those are. */
  notify(method: string): number;
  /** Ends the streams, and forgets the sessions. */
  forget(): void;
  readonly streams: number;
  close(): Promise<void>;
}

const NAMED: Readonly<Record<string, 'name' | 'uri'>> = { 'tools/call': 'name', 'prompts/get': 'name', 'resources/read': 'uri' };
/** What results of 2026-07-28 must have. */
const COMPLETE = { resultType: 'complete', ttlMs: 0, cacheScope: 'private' };
const NOT_FOUND = { code: -32602, message: 'not here' };

export function toolOf(name: string): string {
  return `{"name":${JSON.stringify(name)},"description":"Tool of the tests","inputSchema":{"type":"object"}}`;
}

/** `label`: what its answers say, so that a test sees whose they are. */
export async function startOfferingServer(label: string, offer: Offer): Promise<OfferingServer> {
  const sessions = new Set<string>();
  const streams = new Set<ServerResponse>();
  let opened = 0;

  function handle(request: IncomingMessage, body: string, response: ServerResponse): void {
    const message = (body === '' ? {} : JSON.parse(body)) as { id?: unknown; method?: string; params?: Record<string, unknown> };
    const { method = '', params = {} } = message;
    server.seen.push({ method, headers: request.headers, body, params });
    const session = request.headers['mcp-session-id'];
    const isModern = server.offer.era === 'modern';
    if (!isModern && method !== 'initialize' && method !== 'server/discover' && !sessions.has(String(session))) return send(response, 404, { id: null, error: { code: -32001, message: 'Session not found' } });
    if (request.method === 'DELETE') return void response.writeHead(sessions.delete(String(session)) ? 200 : 404).end();
    if (request.method === 'GET') return server.refuseStreams === undefined ? stream(response) : void response.writeHead(server.refuseStreams).end();
    if (server.broken.has(method)) return void response.destroy();
    if (message.id === undefined) return void response.writeHead(202).end();
    const wrong = isModern ? mirrorFault(request, method, params) : undefined;
    if (wrong !== undefined) return send(response, 400, { id: message.id, error: { code: -32020, message: wrong } });
    if (method === 'initialize') {
      const id = `${label}-${++opened}`;
      sessions.add(id);
      response.setHeader('mcp-session-id', id);
    }
    const answer = answerTo(method, params);
    if ('error' in answer && answer.error.code === -32601) return send(response, isModern || method === 'server/discover' ? 404 : 200, { id: message.id, ...answer });
    send(response, 200, { id: message.id, ...(isModern && 'result' in answer ? { result: { ...answer.result, ...COMPLETE } } : answer) });
  }

  function stream(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    streams.add(response);
    response.on('close', () => streams.delete(response));
  }

  function answerTo(method: string, params: Readonly<Record<string, unknown>>): { readonly result: object } | { readonly error: { readonly code: number; readonly message: string } } {
    const { tools = [], prompts = [], resources = [], templates = [], pageSize = Infinity, era, logging, tasks } = server.offer;
    const offered = resources.length + templates.length > 0;
    const capabilities = {
      tools: { listChanged: true }, ...(prompts.length > 0 ? { prompts: { listChanged: true } } : {}), ...(offered ? { resources: { subscribe: true } } : {}),
      ...(prompts.length > 0 || offered ? { completions: {} } : {}), ...(logging === true ? { logging: {} } : {}), ...(tasks === true ? { tasks: { list: {}, cancel: {} } } : {}),
    };
    const page = (member: string, items: readonly unknown[]): { readonly result: object } => {
      const from = Number(params['cursor'] ?? 0);
      return { result: { [member]: items.slice(from, from + pageSize), ...(from + pageSize < items.length ? { nextCursor: String(from + pageSize) } : {}) } };
    };
    const taskId = String(params['taskId']);
    switch (method) {
      case 'initialize': return { result: { protocolVersion: '2025-11-25', capabilities, serverInfo: { name: label, version: '1' } } };
      case 'server/discover': return era === 'modern' ? { result: { supportedVersions: ['2026-07-28'], capabilities, resultType: 'complete' } } : { error: { code: -32601, message: 'no' } };
      case 'tools/list': return page('tools', tools.map((name): unknown => JSON.parse(toolOf(name))));
      case 'prompts/list': return page('prompts', prompts.map((name) => ({ name, description: `of ${label}` })));
      case 'resources/list': return page('resources', resources.map((uri) => ({ uri, name: `of ${label}` })));
      case 'resources/templates/list': return templates.length === 0 ? { error: { code: -32601, message: 'no templates' } } : page('resourceTemplates', templates.map((uriTemplate) => ({ uriTemplate, name: `of ${label}` })));
      case 'tools/call':
        if (params['task'] === undefined) return { result: { content: [{ type: 'text', text: `${String(params['name'])} at ${label}` }] } };
        server.tasks.add(server.nextTaskId);
        return { result: { task: { taskId: server.nextTaskId, status: 'working' } } };
      case 'prompts/get': return prompts.includes(String(params['name'])) ? { result: { description: `${String(params['name'])} at ${label}`, messages: [] } } : { error: NOT_FOUND };
      case 'resources/read': return { result: { contents: [{ uri: params['uri'], text: `${String(params['uri'])} at ${label}` }] } };
      case 'resources/subscribe': case 'resources/unsubscribe': case 'logging/setLevel': return { result: {} };
      case 'completion/complete': return { result: { completion: { values: [label] } } };
      case 'tasks/list': return page('tasks', [...server.tasks].map((id) => ({ taskId: id, status: 'working' })));
      case 'tasks/get': case 'tasks/cancel': {
        const named = server.mistaken.has(taskId) ? `not ${taskId}` : taskId;
        return server.tasks.has(taskId) || named !== taskId ? { result: { taskId: named, status: `at ${label}` } } : { error: NOT_FOUND };
      }
      case 'tasks/result': return { result: { content: [{ type: 'text', text: `result at ${label}` }] } };
      default: return { error: { code: -32601, message: 'no' } };
    }
  }

  const http = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => void parts.push(part));
    request.on('end', () => handle(request, Buffer.concat(parts).toString('utf8'), response));
  });
  const server: OfferingServer = {
    url: '', seen: [], offer, tasks: new Set(), mistaken: new Set(), nextTaskId: `${label}-task`, broken: new Set(), refuseStreams: undefined,
    of: (method) => server.seen.filter((one) => one.method === method),
    notify: (method) => {
      for (const one of streams) one.write(`data: {"jsonrpc":"2.0","method":"${method}"}\n\n`);
      return streams.size;
    },
    forget: () => {
      sessions.clear();
      for (const one of streams) one.end();
    },
    get streams() { return streams.size; },
    close: () => new Promise((resolve) => {
      http.close(() => resolve());
      http.closeAllConnections();
    }),
  };
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return Object.defineProperty(server, 'url', { value: `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp` });
}

/** 2026-07-28, basic/transports: a server refuses headers that contradict the body. */
function mirrorFault({ headers }: IncomingMessage, method: string, params: Readonly<Record<string, unknown>>): string | undefined {
  if (headers['mcp-method'] !== method) return `Mcp-Method is ${String(headers['mcp-method'])}`;
  const named = NAMED[method];
  const expected = named === undefined ? undefined : params[named];
  return headers['mcp-name'] === expected ? undefined : `Mcp-Name is ${String(headers['mcp-name'])}`;
}

function send(response: ServerResponse, status: number, message: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', ...message }));
}
