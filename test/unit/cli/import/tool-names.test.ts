// Names of imported tools: their own where they are free, with a prefix where another server has one of them, refused where neither goes.
import { expect, it } from 'vitest';
import { nameTools } from '../../../../src/cli/import/tool-names.js';
import type { AskedServer } from '../../../../src/cli/import/ask-servers.js';
import { toolsReader } from '../../../../src/cli/served-tools.js';
import { parseRegistry } from '../../../../src/engines/registry/registry-file.js';

const tool = (name: string, description = 'd') => toolsReader().describeTool(`{"name":"${name}","description":"${description}","inputSchema":{"type":"object"}}`);
const server = (name: string, upstream: string, ...tools: string[]): AskedServer => ({ plan: { name, line: 1, upstream, entry: undefined, live: undefined, needed: [], notes: [], missing: [] }, tools: tools.map((one) => tool(one)), beside: [], reason: '' });
const registered = (...entries: { name: string; upstream: string; served_as?: string }[]) => parseRegistry(JSON.stringify({ tools: entries.map((entry) => ({ risk_level: 'low', hash: tool(entry.served_as ?? entry.name).hashes.jcs, ...entry })) }), 'r.yaml');
const names = (servers: readonly AskedServer[], registry = registered()) => nameTools(servers, registry).map(({ prefix, named }) => [prefix, ...named.map(({ name, state }) => `${name}:${state}`)]);
const [A, B] = ['http://a/mcp', 'http://b/mcp'];

it('keeps their own names where nobody else has them', () => {
  expect(names([server('a', A, 'x', 'y'), server('b', B, 'z')])).toEqual([['', 'x:new', 'y:new'], ['', 'z:new']]);
});

it('gives servers of one tool\'s name a prefix each', () => {
  expect(names([server('my a', A, 'x', 'y'), server('b', B, 'x'), server('c', 'http://c/mcp', 'w')])).toEqual([['my_a_', 'my_a_x:new', 'my_a_y:new'], ['b_', 'b_x:new'], ['', 'w:new']]);
});

it('gives one a prefix whose tool the registry knows of another server', () => {
  expect(names([server('a', A, 'x')], registered({ name: 'x', upstream: B }))).toEqual([['a_', 'a_x:new']]);
});

it('knows what is registered, as served or not, under the name it has', () => {
  expect(names([server('a', A, 'x', 'y')], registered({ name: 'mine', served_as: 'x', upstream: A }))).toEqual([['', 'mine:registered', 'y:new']]);
  const changed = nameTools([{ ...server('a', A), tools: [tool('x', 'other')] }], registered({ name: 'x', upstream: A }));
  expect(changed[0]?.named[0]?.state).toBe('changed');
});

it('refuses where a prefix would rename what is registered, with the remedy', () => {
  expect(() => names([server('a', A, 'x', 'y')], registered({ name: 'y', upstream: A }, { name: 'x', upstream: B }))).toThrow(expect.objectContaining({ code: 'name_taken', exitCode: 1, remedy: expect.stringContaining('--name') as string }));
});

it('says nothing of one that did not answer', () => {
  expect(names([{ ...server('a', A), tools: undefined, reason: 'no' }])).toEqual([['']]);
});
