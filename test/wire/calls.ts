// What the wire tests say again and again: a tool's text, its registration, a call of it, a stream read part by part.
import { createHash } from 'node:crypto';
import { request, type ClientRequest, type IncomingHttpHeaders } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { CALLER, type GatewayProcess, type HttpAnswer, type ProjectTool } from '../support/gateway-process.js';

export const MCP = { accept: 'application/json, text/event-stream' } as const;
const TRIES = 1600; // 40 s, short of the test's own limit: a busy machine may need seconds
const TRY_EVERY_MS = 25;

export function toolText(name: string): string {
  return `{"name":${JSON.stringify(name)},"description":"Tool of the tests","inputSchema":{"type":"object"}}`;
}

export function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

export function registration(name: string, upstream: string, more: Readonly<Record<string, unknown>> = {}): ProjectTool {
  return { name, upstream, hash: hashOf(toolText(name)), description: 'Tool of the tests', input_schema: { type: 'object' }, ...more };
}

export function call(name: string, args: unknown = {}, id: unknown = 1): string {
  return JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args } });
}

/** A call of 2026-07-28, with its headers. */
export function modernCall(name: string, args: unknown = {}): { readonly body: string; readonly headers: Readonly<Record<string, string>> } {
  const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {}, 'io.modelcontextprotocol/clientInfo': { name: 't', version: '1' } };
  return {
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args, _meta: meta } }),
    headers: { ...MCP, 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': name },
  };
}

export function initialize(params: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' }, ...params } });
}

export async function openSession(gateway: GatewayProcess, headers: Readonly<Record<string, string>> = {}, params: Readonly<Record<string, unknown>> = {}): Promise<Record<string, string>> {
  const answer = await gateway.post(initialize(params), { ...MCP, ...headers });
  return { ...MCP, ...headers, 'mcp-session-id': String(answer.headers['mcp-session-id']), 'mcp-protocol-version': '2025-11-25' };
}

export function codeOf(answer: HttpAnswer): unknown {
  return answer.json['code'] ?? (answer.json['error'] as { data?: { code?: unknown } } | undefined)?.data?.code;
}

/** Waits for what another thread or process does; false when it does not come. */
export async function eventually(check: () => boolean | Promise<boolean>): Promise<boolean> {
  for (let tries = 0; tries < TRIES; tries++) {
    if (await check()) return true;
    await sleep(TRY_EVERY_MS);
  }
  return false;
}

export interface OpenStream {
  readonly request: ClientRequest;
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  ended: boolean;
  /** The connection broke before the answer was whole. */
  broken: boolean;
  resume(): void;
  hangUp(): void;
}

/** A request whose answer is read as it comes, or, where it begins paused, when `resume` says so. */
export function openStream(gateway: GatewayProcess, method: 'POST' | 'GET', headers: Readonly<Record<string, string>>, body?: string, beginsPaused = false): OpenStream {
  const one = request({ host: '127.0.0.1', port: gateway.port, method, path: '/', agent: false, headers: { 'x-spiffe-id': CALLER, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers } });
  const stream: OpenStream = { request: one, status: 0, headers: {}, text: '', ended: false, broken: false, resume: () => undefined, hangUp: () => one.destroy() };
  one.on('response', (response) => {
    stream.status = response.statusCode ?? 0;
    stream.headers = response.headers;
    stream.resume = () => void response.resume();
    response.on('data', (part: Buffer) => { stream.text += part.toString('latin1'); });
    response.on('end', () => { stream.ended = true; });
    response.on('error', () => { stream.broken = true; });
    if (beginsPaused) response.pause();
  });
  one.on('error', () => { stream.broken = true; });
  one.end(body);
  return stream;
}
