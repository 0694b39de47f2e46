// Headers of a request to a tool server that are the gateway's own: no caller and no registry writes them.

/** Headers the HTTP client sets itself, or that would let whoever writes them reframe the request (RFC 9110 section 7.6.1). */
export const FRAMING_HEADERS: ReadonlySet<string> = new Set(['host', 'content-length', 'connection', 'transfer-encoding', 'keep-alive', 'upgrade', 'expect', 'te', 'trailer', 'proxy-connection', 'accept-encoding']);

/** What MCP's transports have (basic/transports), and where a call's trace goes on (W3C Trace Context). */
const PROTOCOL_HEADERS: ReadonlySet<string> = new Set(['accept', 'content-type', 'last-event-id', 'traceparent', 'tracestate']);
const MCP_PREFIX = 'mcp-';

export function isGatewaysHeader(name: string): boolean {
  const lower = name.toLowerCase();
  return FRAMING_HEADERS.has(lower) || PROTOCOL_HEADERS.has(lower) || lower.startsWith(MCP_PREFIX);
}
