// Editing the text: comments and layout survive, and what comes out is what was meant.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ConfigFault } from '../../../../src/base/config/fault.js';
import { addIdentity, removeIdentity } from '../../../../src/engines/identity/edit-identities.js';
import { parseIdentities } from '../../../../src/engines/identity/identity-table.js';

const A = 'spiffe://poc.local/agents/mcp-client/a/dev';
const B = 'spiffe://poc.local/agents/mcp-client/b/dev';
const C = 'spiffe://poc.local/agents/mcp-client/c/dev';
const LAYOUT = `# top\ndefault: ${A} # why\n\nidentities:\n    # first\n    - spiffe_id: ${A}   # here\n      description: one\n\n    - description: 'two: quoted'\n      spiffe_id: ${B}\n# bottom\n`;

const idsOf = (text: string) => parseIdentities(text, 'f', 'poc.local').identities.map((one) => one.spiffeId as string);

describe('addIdentity', () => {
  it('adds lines after the last entry and changes no other byte', () => {
    const text = addIdentity(LAYOUT, C, 'third: "x" # y');
    expect(idsOf(text)).toEqual([A, B, C]);
    expect(parseIdentities(text, 'f', 'poc.local').identities[2]?.description).toBe('third: "x" # y');
    const added = text.split('\n').filter((line) => !LAYOUT.split('\n').includes(line));
    expect(added).toHaveLength(2);
    expect(text.split('\n').filter((line) => !added.includes(line)).join('\n')).toBe(LAYOUT);
  });

  it.each(['', '# only a comment\n', 'identities:\n', 'identities: []\n', `identities: [{spiffe_id: ${A}}]\n`, `identities:\n- spiffe_id: ${A}`, `identities:\n  - {spiffe_id: ${A}, description: x}\n`, `identities:\n  - spiffe_id: ${A}\n    description: |\n      many\n      lines\n`])('adds to %j', (text) => {
    const before = idsOf(text);
    expect(idsOf(addIdentity(text, C, 'added'))).toEqual([...before, C]);
    if (text.startsWith('#')) expect(addIdentity(text, C, '')).toContain('# only a comment');
  });

  it('keeps the shipped file\'s comments through adding and removing', () => {
    const shipped = readFileSync('config/identities.yaml', 'utf8');
    const text = addIdentity(shipped, C, 'x');
    expect(idsOf(text)).toContain(C);
    expect(removeIdentity(text, C)).toBe(shipped);
  });

  it('refuses another trust domain than the file\'s, and blames no line for what is not in it', () => {
    const other = C.replace('poc.local', 'other.org');
    expect(() => addIdentity(LAYOUT, other, '')).toThrow(expect.objectContaining({ name: 'ConfigFault', line: 0, message: expect.stringContaining('poc.local') as string }) as Error);
    expect(addIdentity('', other, '')).toContain(other);
  });

  it('refuses what is malformed or there already', () => {
    expect(() => addIdentity(LAYOUT, 'spiffe://poc.local/x\n- spiffe_id: spiffe://poc.local/y', '')).toThrow(ConfigFault);
    expect(() => addIdentity(LAYOUT, 'spiffe://poc.local', '')).toThrow(ConfigFault);
    expect(() => addIdentity(LAYOUT, A, '')).toThrow(ConfigFault);
    expect(() => addIdentity('identities: "', C, '')).toThrow(ConfigFault);
  });

  it('can\'t be made to add a key by a description', () => {
    const text = addIdentity(LAYOUT, C, `x\n  - spiffe_id: spiffe://poc.local/system/evil`);
    expect(idsOf(text)).toEqual([A, B, C]);
  });
});

describe('removeIdentity', () => {
  it('removes the entry\'s own lines', () => {
    const text = removeIdentity(LAYOUT, B);
    expect(idsOf(text)).toEqual([A]);
    expect(text).toContain('# first');
    expect(text).toContain('# bottom');
  });

  it('removes from a list in flow style and the last entry of a list', () => {
    expect(idsOf(removeIdentity(`identities: [{spiffe_id: ${A}}, {spiffe_id: ${B}}]\n`, A))).toEqual([B]);
    expect(idsOf(removeIdentity(`identities:\n  - spiffe_id: ${A}\n`, A))).toEqual([]);
  });

  it('refuses to remove the default, and what is not there', () => {
    expect(() => removeIdentity(LAYOUT, A)).toThrow(ConfigFault);
    expect(() => removeIdentity(LAYOUT, C)).toThrow(ConfigFault);
  });
});
