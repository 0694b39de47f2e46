// Merged lists: bytes kept, modern members added, nothing invented.
import { describe, expect, it } from 'vitest';
import { mergeMetaTexts, renderListAnswer } from '../../../src/mcp/lists.js';

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
  it('merges _meta by key, the first server first', () => {
    expect(mergeMetaTexts([['a', '1.0'], ['b', '2'], ['a', '3']])).toBe('{"a":1.0,"b":2}');
    expect(mergeMetaTexts([])).toBeUndefined();
  });
});
