// identities.yaml: what is read, and where each mistake is found.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ConfigFault } from '../../../../src/base/config/fault.js';
import { parseIdentities } from '../../../../src/engines/identity/identity-table.js';

const ID = 'spiffe://poc.local/agents/mcp-client/my-agent/dev';

function faultOf(text: string): ConfigFault {
  try {
    parseIdentities(text, 'identities.yaml', 'poc.local');
  } catch (error) {
    if (error instanceof ConfigFault) return error;
    throw error;
  }
  throw new Error('no fault');
}

describe('parseIdentities', () => {
  it('reads the file that is shipped', () => {
    const table = parseIdentities(readFileSync('config/identities.yaml', 'utf8'), 'config/identities.yaml', 'poc.local');
    expect(table.defaultIdentity).toBe(ID);
    expect(table.has(ID)).toBe(true);
    expect(Object.isFrozen(table)).toBe(true);
  });

  it('reads a list, a default and a digest of the text', () => {
    const table = parseIdentities(`default: ${ID}\nidentities:\n  - spiffe_id: ${ID}\n  - spiffe_id: spiffe://poc.local/x\n    description: second\n`, 'f', 'poc.local');
    expect(table.identities.map((one) => [one.spiffeId, one.description])).toEqual([[ID, ''], ['spiffe://poc.local/x', 'second']]);
    expect(table.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(table.has('spiffe://poc.local/y')).toBe(false);
    expect(table.has('__proto__')).toBe(false);
  });

  it.each(['', '# nothing\n', 'identities:\n', 'identities: []\ndefault:\n'])('takes %j for an empty table', (text) => {
    const table = parseIdentities(text, 'f', 'poc.local');
    expect([table.identities.length, table.defaultIdentity]).toEqual([0, undefined]);
  });

  it.each([
    ['identities:\n  - spiffe_id: spiffe://poc.local/x/\n', 2],
    ['identities:\n  - spiffe_id: spiffe://poc.local\n', 2],
    [`identities:\n  - spiffe_id: ${ID}\n  - spiffe_id: spiffe://other/x\n`, 3],
    [`identities:\n  - spiffe_id: ${ID}\n\n  - spiffe_id: ${ID}\n`, 4],
    [`# c\ndefault: ${ID}\nidentities: []\n`, 2],
    ['default: nonsense\n', 1],
    [`identities:\n  - spiffe_id: ${ID}\n    descripton: typo\n`, 3],
    ['identites: []\n', 1],
    ['identities: text\n', 1],
    ['identities:\n  - 5\n', 2],
    ['identities:\n  - spiffe_id: 5\n', 2],
    ['- a\n', 1],
    ['identities:\n  - spiffe_id: "unclosed\n', 3],
    [`identities: []\nidentities: []\n`, 2],
  ])('refuses %j and names line %i', (text, line) => {
    const fault = faultOf(text);
    expect(fault.file).toBe('identities.yaml');
    expect(fault.line).toBe(line);
  });

  it('tells of every wrong entry at once', () => {
    expect(faultOf('identities:\n  - spiffe_id: a\n  - spiffe_id: b\n').others.map((other) => other.line)).toEqual([3]);
  });
});
