// Arguments that a tool's schema marks travel in headers as well (2026-07-28).
import { describe, expect, it } from 'vitest';
import { failure, startCalls } from './support/calls.js';
import { refusal, result, text } from './support/scripted-gateway.js';

const { gateway, client } = await startCalls();

describe('arguments that a tool\'s schema marks', () => {
  const tools = [{ name: 't', inputSchema: { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': 'Region' }, deep: { type: 'object', properties: { n: { type: 'integer', 'x-mcp-header': 'N' } } }, other: { type: 'string' } } } }];

  it('travel in headers as well, once the tool was listed', async () => {
    gateway.play(result({ tools }), text('a'));
    const one = client();
    await one.listTools();
    await one.callTool('t', { region: ' é', deep: { n: 3 }, other: 'x' });
    expect(gateway.seen[1]?.headers).toMatchObject({ 'mcp-param-region': `=?base64?${Buffer.from(' é').toString('base64')}?=`, 'mcp-param-n': '3' });
    expect(gateway.seen[1]?.headers).not.toHaveProperty('mcp-param-other');
  });

  it.each<[string, unknown]>([
    ['behind items', { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': 'Region' }, list: { type: 'array', items: { properties: { x: { type: 'string', 'x-mcp-header': 'X' } } } } } }],
    ['twice', { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': 'Region' }, other: { type: 'string', 'x-mcp-header': 'region' } } }],
    ['on an object', { type: 'object', properties: { region: { type: 'object', 'x-mcp-header': 'Region' } } }],
    ['with a name that is none', { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': 'a b' } } }],
  ])('do not, where a mark breaks the rules: %s', async (_what, inputSchema) => {
    gateway.play(result({ tools: [{ name: 't', inputSchema }] }), text('a'));
    const one = client();
    await one.listTools();
    await one.callTool('t', { region: 'eu' });
    expect(Object.keys(gateway.seen[1]?.headers ?? {}).filter((name) => name.startsWith('mcp-param-'))).toEqual([]);
  });

  it('are learnt from the refusal that misses them, once', async () => {
    const mismatch = refusal('mcp_invalid_request', { rpcCode: -32020, status: 400, more: { middleware_step: 2 } });
    gateway.play(mismatch, result({ tools }), text('a'));
    expect((await client().callTool('t', { region: 'eu' })).text).toBe('a');
    expect(gateway.seen.map(({ body, headers }) => [body['method'], headers['mcp-param-region']])).toEqual([['tools/call', undefined], ['tools/list', undefined], ['tools/call', 'eu']]);
    gateway.seen.length = 0;
    gateway.play(mismatch, result({ tools }), mismatch);
    expect(await failure(client().callTool('t', { region: 'eu' }))).toMatchObject({ rpcCode: -32020 });
    expect(gateway.seen).toHaveLength(3);
  });

  it('are learnt as well where the method is written out', async () => {
    gateway.play(refusal('mcp_invalid_request', { rpcCode: -32020, status: 400, more: { middleware_step: 2 } }), result({ tools }), text('a'));
    await client().request('tools/call', { name: 't', arguments: { region: 'eu' } });
    expect(gateway.seen[2]?.headers).toMatchObject({ 'mcp-name': 't', 'mcp-param-region': 'eu' });
  });
});
