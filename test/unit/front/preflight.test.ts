// What a web page is allowed to send: the protocol's headers, and the mirrored arguments it asks for.
import { describe, expect, it } from 'vitest';
import { preflightHeaders } from '../../../src/front/preflight.js';

const allowed = (asked: string): string[] => (preflightHeaders(asked).find(([name]) => name === 'access-control-allow-headers')?.[1] ?? '').split(', ');
const usual = allowed('');

describe('a preflight', () => {
  it('allows the protocol\'s headers, and none that declares an identity', () => {
    expect(usual).toEqual(expect.arrayContaining(['content-type', 'mcp-name', 'mcp-protocol-version']));
    expect(usual).not.toContain('x-spiffe-id');
  });
  it('allows those that mirror arguments as they are asked for', () => {
    expect(allowed('content-type, Mcp-Param-Region,mcp-param-a.b')).toEqual([...usual, 'mcp-param-region', 'mcp-param-a.b']);
  });
  it.each(['x-spiffe-id', 'mcp-param-', 'mcp-param-a b', 'mcp-param-é', '*', 'mcp-parameter'])('allows nothing else that is asked for: %s', (asked) => {
    expect(allowed(asked)).toEqual(usual);
  });
  it('allows a bounded number', () => {
    expect(allowed(Array.from({ length: 200 }, (_, n) => `mcp-param-${n}`).join(','))).toHaveLength(usual.length + 64);
  });
  it('reads a bounded part of what is asked for', () => {
    const room = 16_384 - 'mcp-param-a,'.length;
    expect(allowed(`${'x'.repeat(room - 1)},mcp-param-a,mcp-param-b`)).toEqual([...usual, 'mcp-param-a']);
  });
});
