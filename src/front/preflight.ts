// What an allowed web page may send and read (Fetch standard, CORS protocol).
import type { HeaderPairs } from './types.js';

const ALWAYS = 'accept, authorization, content-type, last-event-id, mcp-method, mcp-name, mcp-protocol-version, mcp-session-id, traceparent, tracestate';
/** Mirrored arguments have names of the tools' own: those a page asks for are allowed, and nothing else it asks for (MCP 2026-07-28, basic/transports). */
const MIRRORED = /^mcp-param-[!#$%&'*+.^_`|~0-9a-z-]{1,128}$/;
const MIRRORED_MAX = 64; // a tool marks no more
const ASKED_CHARS_MAX = 16_384;

/** `asked`: Access-Control-Request-Headers; '' = absent. */
export function preflightHeaders(asked: string): HeaderPairs {
  const mirrored = asked.slice(0, ASKED_CHARS_MAX).toLowerCase().split(',').map((name) => name.trim()).filter((name) => MIRRORED.test(name)).slice(0, MIRRORED_MAX);
  return [
    ['access-control-allow-methods', 'POST, GET, DELETE'],
    ['access-control-allow-headers', [ALWAYS, ...mirrored].join(', ')],
    ['access-control-max-age', '600'],
  ];
}
