// Reading tools/list answers, verifying a tool against its registration, leaving members out.
import { describe, expect, it } from 'vitest';
import { createTypescriptGuard } from '../../../../src/base/json/typescript-guard.js';
import { canonicalHash } from '../../../../src/engines/registry/hashes.js';
import { parseRegistry } from '../../../../src/engines/registry/registry-file.js';
import { createToolCache, createToolsReader, parseToolsList, parseToolsListInTurns, ToolsListFault } from '../../../../src/engines/registry/served-tools.js';
import type { RegisteredTool, ServedTool } from '../../../../src/engines/registry/types.js';
import { verifyServed, withoutMembers } from '../../../../src/engines/registry/verify.js';
import { LIST_ITEM_BYTES_MAX, LIST_ITEMS_MAX } from '../../../../src/mcp/lists.js';
import { turnsOf } from '../../../support/turns.js';

const reader = createToolsReader(createTypescriptGuard({ k0: 1, k1: 2 }, 'test'));
const bytes = (text: string): Uint8Array => Buffer.from(text, 'utf8');
const EXAMPLE = '{"name":"my_tool","description":"Does something useful","inputSchema":{"type":"object","properties":{"query":{"type":"string"}}}}';
const HASHES = {
  seed: 'bcc9258aeaf2af0999e181615b748e2855a53ab8cff8515491b3d7707900c9e4',
  jcs: 'd2839df786c1978494a69cc6a28a5d87b6e811471f14eb64b90805cf0e9224b2',
  legacy: 'bb128ea0d60469e5c3711f67fe3127c0584bd772a916bca964c0a0c5fdaa2325',
};

function kindOf(text: string): string {
  try {
    reader.parseToolsList(bytes(text));
  } catch (error) {
    if (error instanceof ToolsListFault) return error.kind;
    throw error;
  }
  return 'read';
}

function registered(over: string = `hash: ${HASHES.seed}`): RegisteredTool {
  const tool = parseRegistry(`tools:\n  - {name: my_tool, upstream: "http://u/", risk_level: low, ${over}}\n`, 'f').tools.get('my_tool');
  if (tool === undefined) throw new Error('no tool');
  return tool;
}
const withMembers = (extra: string): ServedTool => reader.describeTool(EXAMPLE.replace('{"name"', `{${extra},"name"`));

describe('reading a tools/list answer', () => {
  it('reads a JSON-RPC answer and a bare result alike, keeping each tool\'s text', () => {
    const odd = '{ "inputSchema" : { } , "name" : "caf\\u00e9" , "title":1.0 }';
    const result = `{"nextCursor":"p\\u0032","tools":[ ${EXAMPLE} ,\n${odd}]}`;
    for (const text of [result, `{"result":${result},"jsonrpc":"2.0","id":1}`]) {
      const page = reader.parseToolsList(bytes(text));
      expect(page.tools.map(({ text: own }) => own)).toEqual([EXAMPLE, odd]);
      expect(page.tools.map(({ name }) => name)).toEqual(['my_tool', 'café']);
      expect(page.nextCursor).toBe('p2');
      expect(page.tools[0]?.hashes).toEqual(HASHES);
    }
  });

  it('hashes a tool by its three members wherever they stand', () => {
    const shuffled = '{"annotations":{"x":1},"inputSchema":{"type":"object","properties":{"query":{"type":"string"}}},"description":"Does something useful","name":"my_tool"}';
    expect(reader.describeTool(shuffled).hashes).toEqual(HASHES);
  });

  it.each(['"Description":"x"', '"NAME":"x"', '"de\u017fcription":"x"', '"\\u0069nputschema":{}', '"name\\u0000":"x"'])('serves no tool with %s: some clients would read what was not hashed', (member) => {
    const page = reader.parseToolsList(bytes(`{"tools":[${EXAMPLE.replace('{', `{${member},`)},{"name":"other","inputSchema":{"Name":1}}]}`));
    expect([page.tools.map(({ name }) => name), page.skipped]).toEqual([['other'], 1]);
  });

  it('describes a tool by its own text alone, whatever it calls its members', () => {
    expect(reader.describeTool(` ${EXAMPLE}\n`)).toMatchObject({ text: EXAMPLE, hashes: HASHES });
    expect(withMembers('"Id":1,"Method":"x"').hashes).toEqual(HASHES);
    for (const text of [`${EXAMPLE},${EXAMPLE}`, `${EXAMPLE}],"x":[${EXAMPLE}`, '', '[]', '1', '{"name":"x"}', `${EXAMPLE}x`]) expect(() => reader.describeTool(text)).toThrow(ToolsListFault);
  });

  it.each([
    ['{"tools":[{"name":"a","inputSchema":{},"name":"b"}]}', 'not_json'],
    ['{"tools":[{"name":"a","inputSchema":{"x":1,"x":2}}]}', 'not_json'],
    ['{"tools":[],"tools":[]}', 'not_json'],
    ['{"tools":[', 'not_json'],
    ['[]', 'not_json'],
    ['{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"}}', 'error_answer'],
    ['{"jsonrpc":"2.0","id":1,"result":{}}', 'no_tools'],
    ['{"tools":{"a":1}}', 'no_tools'],
    [`{"tools":[{"name":"a","inputSchema":${'{"a":'.repeat(200)}1${'}'.repeat(200)}}]}`, 'not_json'],
  ])('refuses %.60s (%s)', (text, kind) => {
    expect(kindOf(text)).toBe(kind);
  });

  it('skips what is no tool', () => {
    const page = reader.parseToolsList(bytes('{"tools":[1,null,"x",[],{},{"name":1,"inputSchema":{}},{"name":"a"},{"name":"a","inputSchema":[]},{"name":"a","description":5,"inputSchema":{}},{"name":"ok","inputSchema":{}}]}'));
    expect(page.tools.map(({ name }) => name)).toEqual(['ok']);
    expect(page.skipped).toBe(9);
  });

  it('gives the same object for the same text, and does not need a cache', () => {
    const [first] = reader.parseToolsList(bytes(`{"tools":[${EXAMPLE}]}`)).tools;
    const [second] = reader.parseToolsList(bytes(`{"tools": [${EXAMPLE}] }`)).tools;
    expect(second).toBe(first);
    expect(parseToolsList(bytes(`{"tools":[${EXAMPLE}]}`)).tools[0]).toEqual(first);
  });

  it('refuses a page of more elements than one may have, whatever they are', () => {
    const full = '1,'.repeat(LIST_ITEMS_MAX - 1);
    expect(reader.parseToolsList(bytes(`{"tools":[${full}${EXAMPLE}]}`))).toMatchObject({ tools: [{ name: 'my_tool' }], skipped: LIST_ITEMS_MAX - 1 });
    for (const one of ['1', EXAMPLE]) expect(kindOf(`{"tools":[${full}1,${one}]}`)).toBe('too_many');
  });

  it('serves no tool that is too long, not even one that it knows', () => {
    const toolOfLength = (length: number): string => EXAMPLE.replace('useful', 'x'.repeat(length - EXAMPLE.length + 'useful'.length));
    const [longest, tooLong] = [toolOfLength(LIST_ITEM_BYTES_MAX), toolOfLength(LIST_ITEM_BYTES_MAX + 1)];
    // What was put into quarantine before there was a bound must not keep the gateway from starting.
    expect(reader.describeTool(tooLong).text).toBe(tooLong);
    const page = reader.parseToolsList(bytes(`{"tools":[${tooLong},${longest},${EXAMPLE}]}`));
    expect([page.tools.map(({ text }) => text.length), page.skipped]).toEqual([[LIST_ITEM_BYTES_MAX, EXAMPLE.length], 1]);
  });

  it('hashes no tool that is not wanted, whether it knows it or not, and counts it', () => {
    const cache = createToolCache();
    const [a, b] = ['{"name":"a","inputSchema":{}}', '{"name":"b","inputSchema":{}}'] as const;
    const read = (name: string) => parseToolsList(bytes(`{"tools":[${a},1,${b}]}`), { cache, isWanted: (one) => one === name });
    expect(read('a')).toMatchObject({ tools: [{ name: 'a' }], unwanted: 1, skipped: 1 });
    expect([cache.get(a)?.name, cache.get(b)]).toEqual(['a', undefined]);
    expect(read('b')).toMatchObject({ tools: [{ name: 'b' }], unwanted: 1, skipped: 1 });
  });

  it('reads the same in several turns, of one long tool as of many', async () => {
    const long = EXAMPLE.replace('useful', 'x'.repeat(200_000));
    for (const list of [long, Array.from({ length: 1000 }, (_, n) => EXAMPLE.replace('my_tool', `tool-${n}`)).join()]) {
      const page = bytes(`{"tools":[${list}]}`);
      expect(await turnsOf(() => parseToolsListInTurns(page))).toBeGreaterThanOrEqual(4);
      expect(await parseToolsListInTurns(page)).toEqual(parseToolsList(page));
    }
    await expect(reader.parseToolsListInTurns(bytes('{"tools":['))).rejects.toThrow(ToolsListFault);
  });
});

describe('verifying a served tool', () => {
  it.each(['seed', 'jcs', 'legacy'] as const)('matches by its %s hash and says so', (alg) => {
    expect(verifyServed(registered(`hash: ${HASHES[alg]}`), reader.describeTool(EXAMPLE))).toEqual({ kind: 'match', alg, changedMembers: [] });
  });

  it('takes only the declared hash when one is declared', () => {
    const served = reader.describeTool(EXAMPLE);
    expect(verifyServed(registered(`hash: ${HASHES.seed}, hash_alg: jcs`), served).kind).toBe('mismatch');
    expect(verifyServed(registered(`hash: ${HASHES.jcs}, hash_alg: jcs`), served).kind).toBe('match');
  });

  it('refuses a changed description, schema or name', () => {
    for (const [from, to] of [['useful', 'harmful'], ['"string"', '"number"'], ['my_tool', 'bash']] as const) {
      for (const alg of ['seed', 'jcs', 'legacy'] as const) {
        expect(verifyServed(registered(`hash: ${HASHES[alg]}`), reader.describeTool(EXAMPLE.replace(from, to))).kind).toBe('mismatch');
      }
    }
  });

  it('names the members that changed since the definition was pinned: added, changed and removed', () => {
    const before = withMembers('"title":"T","annotations":{"readOnlyHint":true},"icons":[]');
    const after = withMembers('"title":"T","annotations":{"readOnlyHint":false},"outputSchema":{}');
    const verified = verifyServed(registered(), after, before);
    expect(verified.kind === 'match' && [...verified.changedMembers].sort()).toEqual(['annotations', 'icons', 'outputSchema']);
  });

  it('vouches for no other member when only the whole hash is known and differs', () => {
    const served = withMembers('"title":"T","annotations":{}');
    const known = registered(`hash: ${HASHES.seed}, definition_hash: ${canonicalHash(EXAMPLE)}`);
    expect(verifyServed(known, served, served)).toMatchObject({ changedMembers: ['title', 'annotations'] });
    const same = registered(`hash: ${HASHES.seed}, definition_hash: ${served.definitionHash}`);
    expect(verifyServed(same, served)).toMatchObject({ changedMembers: [] });
  });
});

describe('leaving members out', () => {
  it('keeps the rest byte for byte', () => {
    const text = '{ "name" : "a", "title":"x, y}" ,"inputSchema": { "b" : 1.0 }, "annotations":{"q":[1,2]} }';
    expect(withoutMembers(text, ['title', 'annotations'])).toBe('{"name" : "a","inputSchema": { "b" : 1.0 }}');
    expect(withoutMembers(text, ['nothing'])).toBe(text);
  });

  it('finds a member whose name is written with escapes, and never takes a hashed one', () => {
    expect(withoutMembers('{"\\u0074itle":1,"name":"a"}', ['title', 'name'])).toBe('{"name":"a"}');
  });
});
