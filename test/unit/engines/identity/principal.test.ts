// Levels by path, and no way to raise one's own.
import { describe, expect, it } from 'vitest';
import { principalOf } from '../../../../src/engines/identity/principal.js';
import { parseSpiffeId } from '../../../../src/engines/identity/spiffe-id.js';

function levelOf(text: string): number {
  const id = parseSpiffeId(text);
  if (id === undefined) throw new Error(`not an id: ${text}`);
  return principalOf(id, 'poc.local').level;
}

describe('principalOf', () => {
  it.each([
    ['/system/x', 0], ['/gateways/precinct/dev', 0], ['/ns/gateway/sa/precinct-gateway', 0], ['/ns/gateway/sa/precinct-control', 0],
    ['/owner/alice', 1], ['/delegated/bob', 2],
    ['/agents/mcp-client/my-agent/dev', 3], ['/ns/tools/sa/agent', 3], ['/ns/gateway/sa/other', 3],
    ['/external/carol', 4],
    ['', 5], ['/system', 5], ['/agents', 5], ['/tools/x', 5], ['/systems/x', 5], ['/System/x', 5], ['/x/system/y', 5], ['/ns/gateway', 5], ['/ns/gateway/sa', 5], ['/ns/gateway/sa/a/b', 5], ['/ns/gateway/xx/precinct-gateway', 5],
  ])('gives %s level %i', (path, level) => {
    expect(levelOf(`spiffe://poc.local${path}`)).toBe(level);
  });

  it('takes an identity of another trust domain for anonymous whatever its path', () => {
    expect(levelOf('spiffe://evil.local/system/x')).toBe(5);
    expect(levelOf('spiffe://poc.local.evil/owner/x')).toBe(5);
  });

  it('gives fewer capabilities to higher levels', () => {
    const counts = ['/system/x', '/owner/x', '/delegated/x', '/agents/x', '/external/x', '/else/x'].map((path) => {
      const id = parseSpiffeId(`spiffe://poc.local${path}`);
      return id === undefined ? -1 : principalOf(id, 'poc.local').capabilities.length;
    });
    expect(counts).toEqual([5, 5, 4, 3, 1, 0]);
  });
});
