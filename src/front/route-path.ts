// Which path is which route. Nothing is normalised: a path is one of these, byte for byte, or it is not found.

export type Route =
  | { readonly kind: 'mcp'; readonly path: string; readonly agent: string; readonly env: string }
  | { readonly kind: 'probe'; readonly probe: 'health' | 'ready' | 'resourceMetadata' }
  | { readonly kind: 'none' };

const MCP_ROOT: Route = { kind: 'mcp', path: '/', agent: '', env: '' };
const MCP_NAMED: Route = { kind: 'mcp', path: '/mcp', agent: '', env: '' };
const NONE: Route = { kind: 'none' };
const HEALTH: Route = { kind: 'probe', probe: 'health' };
const READY: Route = { kind: 'probe', probe: 'ready' };
const RESOURCE_METADATA: Route = { kind: 'probe', probe: 'resourceMetadata' };

/** Path segments of a SPIFFE ID (SPIFFE-ID standard, section 2.2), so that no escape and no dot segment reaches layer 3. */
const AS_PATH = /^\/as\/([A-Za-z0-9._-]{1,128})\/([A-Za-z0-9._-]{1,128})(\/mcp)?$/;
const AS_SSE_PATH = /^(\/as\/([A-Za-z0-9._-]{1,128})\/([A-Za-z0-9._-]{1,128}))(\/sse|\/messages)$/;
const DOTS = /^\.{1,2}$/;

function matchAgent(path: string): Route {
  const match = AS_PATH.exec(path);
  if (match === null) return NONE;
  const [, agent = '', env = '', mcp] = match;
  if (DOTS.test(agent) || DOTS.test(env)) return NONE;
  return { kind: 'mcp', path: mcp ?? '/', agent, env };
}

export function matchRoute(path: string): Route {
  switch (path) {
    case '/': return MCP_ROOT;
    case '/mcp': return MCP_NAMED;
    case '/health': return HEALTH;
    case '/ready': return READY;
    case '/.well-known/oauth-protected-resource':
    case '/.well-known/oauth-protected-resource/mcp': return RESOURCE_METADATA;
    default: return path.startsWith('/as/') ? matchAgent(path) : NONE;
  }
}

/** A path of HTTP+SSE. */
export interface SseRoute {
  readonly path: '/sse' | '/messages';
  /** What stands before it: '' or `/as/<agent>/<env>`. */
  readonly prefix: string;
  readonly agent: string;
  readonly env: string;
}

const STREAM: SseRoute = { path: '/sse', prefix: '', agent: '', env: '' };
const MESSAGES: SseRoute = { path: '/messages', prefix: '', agent: '', env: '' };

export function matchSse(path: string): SseRoute | undefined {
  if (path === '/sse') return STREAM;
  if (path === '/messages') return MESSAGES;
  const match = AS_SSE_PATH.exec(path);
  if (match === null) return undefined;
  const [, prefix = '', agent = '', env = '', last] = match;
  return DOTS.test(agent) || DOTS.test(env) ? undefined : { path: last === '/sse' ? '/sse' : '/messages', prefix, agent, env };
}
