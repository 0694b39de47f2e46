// Requests of 2026-07-28 as a client sends them, by hand.
import { MCP_ACCEPT, type Posted } from '../../support/inbound-reply.js';

export const MODERN_META = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {}, 'io.modelcontextprotocol/clientInfo': { name: 't', version: '1' } };

export interface ModernRequest {
  readonly body: string;
  readonly posted: Posted;
}

export function modernRequest(method: string, params: Readonly<Record<string, unknown>> = {}, more: { readonly id?: unknown; readonly accept?: string; readonly forwarded?: readonly (readonly [string, string])[] } = {}): ModernRequest {
  const name = params['name'] ?? params['uri'];
  return {
    body: JSON.stringify({ jsonrpc: '2.0', id: more.id ?? 1, method, params: { ...params, _meta: MODERN_META } }),
    posted: { headers: { accept: more.accept ?? MCP_ACCEPT, mcpProtocolVersion: '2026-07-28', mcpMethod: method, ...(typeof name === 'string' ? { mcpName: name } : {}), forwarded: more.forwarded ?? [] } },
  };
}
