// The grammar, case by case: what the standard allows, and what readers of URIs elsewhere let through.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isPathSegment, isTrustDomain, parseSpiffeId, parseWorkloadId, pathOf, trustDomainOf } from '../../../../src/engines/identity/spiffe-id.js';

const LONGEST_PATH = `/${'p'.repeat(2048 - 'spiffe://td/'.length)}`;

describe('parseSpiffeId', () => {
  it.each([
    ['spiffe://td', 'td', ''],
    ['spiffe://poc.local/agents/mcp-client/my-agent/dev', 'poc.local', '/agents/mcp-client/my-agent/dev'],
    ['spiffe://a_b-c.d0/X/y.z/_/-', 'a_b-c.d0', '/X/y.z/_/-'],
    ['spiffe://td/...', 'td', '/...'],
    ['spiffe://td/.a/..b/c..', 'td', '/.a/..b/c..'],
    ['spiffe://1.2.3.4/x', '1.2.3.4', '/x'],
    [`spiffe://${'d'.repeat(255)}/x`, 'd'.repeat(255), '/x'],
    [`spiffe://td${LONGEST_PATH}`, 'td', LONGEST_PATH],
  ])('accepts %s', (text, domain, path) => {
    const id = parseSpiffeId(text);
    expect(id).toBe(text);
    if (id === undefined) return;
    expect([trustDomainOf(id), pathOf(id)]).toEqual([domain, path]);
  });

  it.each([
    '', 'spiffe:', 'spiffe:/td/x', 'spiffe://', 'spiffe:///x', 'SPIFFE://td/x', 'Spiffe://td/x', 'http://td/x', ' spiffe://td/x', 'spiffe://td/x ', 'spiffe://td/x\n',
    'spiffe://TD/x', 'spiffe://Td/x', 'spiffe://td:80/x', 'spiffe://user@td/x', 'spiffe://user:pw@td/x', 'spiffe://[::1]/x', 'spiffe://t d/x', 'spiffe://t%64/x', 'spiffe://bücher/x', 'spiffe://td\u0000/x', 'spiffe://td,td/x',
    'spiffe://td/', 'spiffe://td//', 'spiffe://td//x', 'spiffe://td/x/', 'spiffe://td/x//y', 'spiffe://td/.', 'spiffe://td/..', 'spiffe://td/./x', 'spiffe://td/x/../y', 'spiffe://td/x/.', 'spiffe://td/x/..',
    'spiffe://td/%78', 'spiffe://td/x%2Fy', 'spiffe://td/x%2e%2e', 'spiffe://td/x y', 'spiffe://td/x?q', 'spiffe://td?q', 'spiffe://td/x#f', 'spiffe://td#f', 'spiffe://td/x:y', 'spiffe://td/x@y', 'spiffe://td/x*', 'spiffe://td/é', 'spiffe://td/x\u0000', 'spiffe://td\\x', 'spiffe://td/x\\y', 'spiffe://td/x\u202e', 'spiffe://td/\uff41',
    `spiffe://${'d'.repeat(256)}/x`, `spiffe://td${LONGEST_PATH}p`,
  ])('refuses %j', (text) => {
    expect(parseSpiffeId(text)).toBeUndefined();
  });

  it('agrees with an independent reading of the grammar on generated texts', () => {
    const grammar = /^spiffe:\/\/[a-z0-9._-]{1,255}(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)*$/;
    const piece = fc.constantFrom('spiffe://', 'td', 'TD', '/', '//', '.', '..', 'a', '-', '_', ':', '@', '%41', '?', '#', 'é', '\n');
    fc.assert(fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      const text = pieces.join('');
      expect(parseSpiffeId(text) !== undefined).toBe(grammar.test(text) && !text.includes('\n'));
      const prefixed = `spiffe://${text}`;
      expect(parseSpiffeId(prefixed) !== undefined).toBe(grammar.test(prefixed) && !prefixed.includes('\n'));
    }), { numRuns: 2000 });
  });
});

describe('parseWorkloadId', () => {
  it('refuses the bare trust domain, which names no workload', () => {
    expect(parseWorkloadId('spiffe://td')).toBeUndefined();
    expect(parseWorkloadId('spiffe://td/x')).toBe('spiffe://td/x');
  });
});

describe('isPathSegment', () => {
  it('takes one segment and nothing that would become two', () => {
    expect(['a', 'A.b-c_d', '...'].every(isPathSegment)).toBe(true);
    expect(['', '.', '..', 'a/b', '/', 'a%2fb', 'a b', 'a?'].some(isPathSegment)).toBe(false);
  });
});

describe('isTrustDomain', () => {
  it('takes lower case only', () => {
    expect(isTrustDomain('poc.local')).toBe(true);
    expect(isTrustDomain('Poc.local')).toBe(false);
    expect(isTrustDomain('')).toBe(false);
  });
});
