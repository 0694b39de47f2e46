// Arguments repeated in headers where the schema marks them.
import { describe, expect, it } from 'vitest';
import { paramHeaders } from '../../../src/cli/param-headers.js';

const schema = {
  type: 'object',
  properties: {
    region: { type: 'string', 'x-mcp-header': 'Region' }, limit: { type: 'integer', 'x-mcp-header': 'Limit' }, dry: { type: 'boolean', 'x-mcp-header': 'Dry' }, plain: { type: 'string' },
    options: { type: 'object', properties: { tenant: { type: 'string', 'x-mcp-header': 'Tenant' } } }, list: { type: 'array', items: { type: 'string', 'x-mcp-header': 'Never' } }, wrong: { type: 'string', 'x-mcp-header': 'a b' },
  },
};

describe('a marked argument', () => {
  it('is repeated in its header, also one within an object', () => {
    expect(paramHeaders(schema, { region: 'eu', limit: 3, dry: false, plain: 'x', options: { tenant: 't' } })).toEqual({ 'mcp-param-region': 'eu', 'mcp-param-limit': '3', 'mcp-param-dry': 'false', 'mcp-param-tenant': 't' });
  });

  it('that can\'t stand in a header is encoded', () => {
    expect(paramHeaders(schema, { region: ' é\r\nx-evil: 1' })).toEqual({ 'mcp-param-region': `=?base64?${Buffer.from(' é\r\nx-evil: 1').toString('base64')}?=` });
  });

  it('that is absent, null, no primitive, in a list, or badly named has none', () => {
    expect(paramHeaders(schema, { region: null, limit: [1], list: ['a'], wrong: 'x' })).toEqual({});
  });

  it('of a schema that is none has none', () => {
    for (const none of [undefined, null, 'x', { properties: [] }]) expect(paramHeaders(none, { region: 'eu' })).toEqual({});
  });
});
