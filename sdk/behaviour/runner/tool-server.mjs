// The MCP servers behind the table's gateways: one of 2026-07-28 and one of 2025-11-25, on one port. They tell what reached them and how it ended.
import { createServer } from 'node:http';
import { randomUUID } from 'node:crypto';
import { SSE, ToolCall } from './tool-call.mjs';
import { definitionText, namesOf, PROMPTS, RESOURCES, TEMPLATES, toolOf } from './tools.mjs';

const MODERN = '2026-07-28';
const LEGACY = '2025-11-25';
/** What the gateway asks by itself, or asks for a session: no call of anybody. */
const HOUSEKEEPING = new Set(['initialize', 'notifications/initialized', 'server/discover', 'tools/list', 'prompts/list', 'resources/list', 'resources/templates/list', 'ping', '']);
const CAPABILITIES = { tools: { listChanged: true }, prompts: {}, resources: {}, logging: {}, completions: {} };

/**
 * @typedef {{ method: string, name?: string, era: string, headers: import('node:http').IncomingHttpHeaders, body: any, ended: 'answered' | 'cancelled' | 'open' }} Reached
 * @param {readonly string[]} languages
 */
export async function startToolServer(languages) {
  /** @type {Reached[]} */
  const reached = [];
  /** @type {Map<string, (answer: any) => void>} */
  const open = new Map();
  /** Each with the stream that it listens on, once it does. @type {Map<string, ReturnType<typeof later>>} */
  const sessions = new Map();

  const http = createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => answer(request, Buffer.concat(parts).toString('utf8'), response));
  });

  function answer(request, body, response) {
    const era = request.url?.startsWith('/legacy') ? 'legacy' : 'modern';
    const message = body === '' ? {} : JSON.parse(body);
    const session = sessions.get(request.headers['mcp-session-id']);
    if (request.method === 'GET') return session === undefined ? response.writeHead(405).end() : listen(session, response);
    if (request.method === 'DELETE') return response.writeHead(sessions.delete(request.headers['mcp-session-id']) ? 200 : 404).end();
    if (era === 'legacy' && message.method !== 'initialize' && session === undefined) {
      return respond(response, 404, { jsonrpc: '2.0', id: null, error: { code: -32001, message: 'Session not found' } });
    }
    if (message.method === undefined) return takeAnswer(message, response);
    if (message.method === 'notifications/cancelled') endCancelled(message.params?.requestId, request.headers['mcp-session-id']);
    if (message.id === undefined) return response.writeHead(202).end();
    const seen = note(message, era, request, response);
    const given = resultOf(era, message, response);
    if (given !== undefined) return respond(response, given.status ?? 200, { jsonrpc: '2.0', id: message.id, ...given.message });
    const run = toolOf(message.params?.name)?.run;
    if (run === undefined) return respond(response, 200, { jsonrpc: '2.0', id: message.id, error: { code: -32602, message: 'no such tool' } });
    return run(new ToolCall({ message, headers: seen.headers, response, open, listened: session?.promise }));
  }

  function listen(session, response) {
    response.writeHead(200, SSE).flushHeaders();
    session.resolve(response);
  }

  function note(message, era, request, response) {
    const seen = { method: message.method, name: message.params?.name ?? message.params?.uri, era, headers: request.headers, body: message, ended: 'open' };
    if (!HOUSEKEEPING.has(message.method)) reached.push(seen);
    response.on('finish', () => { if (seen.ended === 'open') seen.ended = 'answered'; });
    response.on('close', () => { if (seen.ended === 'open' && era === 'modern') seen.ended = 'cancelled'; });
    return seen;
  }

  function takeAnswer(message, response) {
    open.get(String(message.id))?.(message);
    open.delete(String(message.id));
    response.writeHead(202).end();
  }

  function endCancelled(id, session) {
    for (const seen of reached) if (seen.ended === 'open' && seen.body.id === id && seen.headers['mcp-session-id'] === session) seen.ended = 'cancelled';
  }

  /** Undefined = it is a tool's to answer. */
  function resultOf(era, message, response) {
    const result = (value) => ({ message: { result: era === 'modern' ? { resultType: 'complete', ...value } : value } });
    switch (message.method) {
      case 'initialize': {
        if (era === 'modern') return { status: 404, message: { error: { code: -32601, message: 'Method not found' } } };
        const id = randomUUID();
        sessions.set(id, later());
        response.setHeader('mcp-session-id', id);
        return result({ protocolVersion: LEGACY, capabilities: CAPABILITIES, serverInfo: { name: 'legacy', version: '1' } });
      }
      case 'server/discover': return era === 'legacy' ? { status: 404, message: { error: { code: -32601, message: 'Method not found' } } } : result({ supportedVersions: [MODERN], capabilities: CAPABILITIES, ttlMs: 0, cacheScope: 'public', _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'modern', version: '1' } } });
      case 'tools/list': return result({ tools: namesOf(era, languages).filter((name) => toolOf(name)?.served !== false).map((name) => JSON.parse(definitionText(name))) });
      case 'resources/list': return result({ resources: era === 'modern' ? RESOURCES : [] });
      case 'resources/templates/list': return result({ resourceTemplates: era === 'modern' ? TEMPLATES : [] });
      case 'prompts/list': return result({ prompts: era === 'modern' ? PROMPTS : [] });
      case 'resources/read': return result({ contents: [{ uri: message.params.uri, mimeType: 'text/plain', text: `contents of ${message.params.uri}` }] });
      case 'prompts/get': return result({ messages: [{ role: 'user', content: { type: 'text', text: `greet ${message.params.arguments?.who ?? ''}` } }] });
      case 'tools/call': return undefined;
      case 'completion/complete': return result({ completion: { values: ['one', 'two'], hasMore: false } });
      case 'ping': return result({});
      default: return { status: 404, message: { error: { code: -32601, message: 'Method not found' } } };
    }
  }

  await new Promise((resolve) => http.listen(0, '127.0.0.1', () => resolve(undefined)));
  const base = `http://127.0.0.1:${http.address().port}`;
  return {
    url: { modern: `${base}/modern`, legacy: `${base}/legacy` },
    reached,
    close: () => new Promise((resolve) => {
      http.close(() => resolve(undefined));
      http.closeAllConnections();
    }),
  };
}

/** A promise that somebody else resolves. */
function later() {
  let resolve = /** @type {(value: any) => void} */ (() => undefined);
  return { promise: new Promise((resolved) => { resolve = resolved; }), resolve };
}

function respond(response, status, message) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(message));
}
