// Which path is which route. Nothing is normalised: a path is one of these, byte for byte, or it is not found.

export type Route =
  | { readonly kind: 'mcp'; readonly path: string; readonly agent: string; readonly env: string }
  | { readonly kind: 'probe'; readonly probe: 'health' | 'ready' | 'resourceMetadata' }
  | { readonly kind: 'none' };

const MCP_ROOT: Route = { kind: 'mcp', path: '/', agent: '', env: '' };
const MCP_NAMED: Route = { kind: 'mcp', path: '/mcp', agent: '', env: '' };
const NONE: Route = { kind: 'none' };
const FIXED: ReadonlyMap<string, Route> = new Map<string, Route>([
  ['/', MCP_ROOT],
  ['/mcp', MCP_NAMED],
  ['/health', { kind: 'probe', probe: 'health' }],
  ['/ready', { kind: 'probe', probe: 'ready' }],
  ['/.well-known/oauth-protected-resource', { kind: 'probe', probe: 'resourceMetadata' }],
  ['/.well-known/oauth-protected-resource/mcp', { kind: 'probe', probe: 'resourceMetadata' }],
]);

/** Path segments of a SPIFFE ID (SPIFFE-ID standard, section 2.2), so that no escape and no dot segment reaches layer 3. */
const AS_PATH = /^\/as\/([A-Za-z0-9._-]{1,128})\/([A-Za-z0-9._-]{1,128})(\/mcp)?$/;
const DOTS = /^\.{1,2}$/;

export function matchRoute(path: string): Route {
  const fixed = FIXED.get(path);
  if (fixed !== undefined) return fixed;
  const match = path.startsWith('/as/') ? AS_PATH.exec(path) : null;
  if (match === null) return NONE;
  const [, agent = '', env = '', mcp] = match;
  if (DOTS.test(agent) || DOTS.test(env)) return NONE;
  return { kind: 'mcp', path: mcp ?? '/', agent, env };
}
