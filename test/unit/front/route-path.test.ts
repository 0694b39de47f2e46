// The paths of HTTP+SSE, byte for byte. (Those of MCP itself are tried over the wire: test/integration/front/routes.test.ts.)
import { describe, expect, it } from 'vitest';
import { matchSse } from '../../../src/front/route-path.js';

describe('a path of HTTP+SSE', () => {
  it.each([
    ['/sse', '/sse', '', '', ''], ['/messages', '/messages', '', '', ''], ['/as/a.b/dev/sse', '/sse', '/as/a.b/dev', 'a.b', 'dev'], ['/as/a/dev/messages', '/messages', '/as/a/dev', 'a', 'dev'],
  ])('%s', (path, last, prefix, agent, env) => expect(matchSse(path)).toEqual({ path: last, prefix, agent, env }));
  it.each(['/', '/mcp', '/sse/', '/SSE', '//sse', '/sse;x', '/%73se', '/as/a/sse', '/as/../dev/sse', '/as/a/./messages', '/as/a/dev/mcp/sse', '/as/%61/dev/sse', '/as/a/dev/sse/', '/messages/x', '/as//dev/sse'])('%s is none', (path) => {
    expect(matchSse(path)).toBeUndefined();
  });
});
