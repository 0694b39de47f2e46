// Merged lists: bytes kept, modern members added, nothing invented.
import { describe, expect, it } from 'vitest';
import { LIST_ITEM_BYTES_MAX, LIST_ITEMS_MAX, readListPage, renamedItem, renderListAnswer } from '../../../src/mcp/lists.js';
import { turnsOf } from '../../support/turns.js';

const TOOL = '{ "name":"a", "n":1e400, "inputSchema":{"type":"object"} }';

describe('lists', () => {
  it('keeps the bytes of each item', () => {
    const text = renderListAnswer({ idText: '"x"', era: 'legacy', member: 'tools', items: [TOOL, '{"name":"b"}'], ttlMs: 0 });
    expect(text).toBe(`{"jsonrpc":"2.0","id":"x","result":{"tools":[${TOOL},{"name":"b"}]}}`);
  });
  it('tells a modern client that the list is its own', () => {
    const parsed = JSON.parse(renderListAnswer({ idText: '1', era: 'modern', member: 'tools', items: [], metaText: '{"k":1}', nextCursor: 'c"', ttlMs: 5000.7 })) as unknown;
    expect(parsed).toEqual({ jsonrpc: '2.0', id: 1, result: { tools: [], nextCursor: 'c"', _meta: { k: 1 }, resultType: 'complete', ttlMs: 5000, cacheScope: 'private' } });
  });
  const page = (list: string, more = '') => readListPage(Buffer.from(`{"jsonrpc":"2.0","id":1,"result":{"resources":[${list}]${more}}}`), 'resources');
  it('are read item by item, each with its name and its own bytes', async () => {
    expect(await page('{ "uri":"a\\u0062", "n":1e400 },{"uri":"c"}', ',"nextCursor":"\\u0078"')).toEqual({ items: [{ name: 'ab', text: '{ "uri":"a\\u0062", "n":1e400 }' }, { name: 'c', text: '{"uri":"c"}' }], nextCursor: 'x' });
    expect((await page('{"uri":1},{"name":"no uri"},7,{"uri":"a","URI":"b"},{"uri":"ok"}'))?.items.map(({ name }) => name)).toEqual(['ok']);
    for (const text of ['{"jsonrpc":"2.0","id":1,"error":{"code":-32601}}', '{"jsonrpc":"2.0","id":1,"result":{"resources":{}}}', '{"jsonrpc":"2.0","id":1,"result":{"prompts":[]}}']) expect(await readListPage(Buffer.from(text), 'resources')).toBeUndefined();
  });
  it('are none with more items than a page may have, of whatever kind', async () => {
    const full = '{"uri":"a"},'.repeat(LIST_ITEMS_MAX - 1);
    expect((await page(`${full}{"uri":"last"}`))?.items).toHaveLength(LIST_ITEMS_MAX);
    for (const more of ['{"uri":"last"}', '1']) expect(await page(`${full}1,${more}`)).toBeUndefined();
  });
  it('lose an item that is too long, and keep its neighbours', async () => {
    const item = (length: number): string => `{"uri":"${'x'.repeat(length - '{"uri":""}'.length)}"}`;
    const read = await page(`{"uri":"a"},${item(LIST_ITEM_BYTES_MAX)},${item(LIST_ITEM_BYTES_MAX + 1)},{"uri":"b"}`);
    expect(read?.items.map(({ text }) => text.length)).toEqual([11, LIST_ITEM_BYTES_MAX, 11]);
  });
  it('are read in turns, so that others wait for none of them whole', async () => {
    const item = (n: number): string => `{"uri":"${n}","x":"${'x'.repeat(100_000)}"}`;
    expect(await turnsOf(() => page(Array.from({ length: 20 }, (_, n) => item(n)).join()))).toBeGreaterThanOrEqual(20);
  });
  it('show an item under another name, and every other byte as it came', () => {
    expect(renamedItem('{ "n":1e400, "name" : "a\\"b" ,"x":{"name":"inner"}}', 'tools', 'p_"x')).toBe('{ "n":1e400, "name" : "p_\\"x" ,"x":{"name":"inner"}}');
  });
});
