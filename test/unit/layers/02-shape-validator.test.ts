// Layer 2: one strict JSON-RPC message, or a protocol error with the specs' own number.
import { describe, expect, it } from 'vitest';
import { loadJsonGuard } from '../../../src/base/json/choose.js';
import { PASS, type Verdict } from '../../../src/chain/verdict.js';
import { shapeValidator } from '../../../src/layers/02-shape-validator.js';
import { configOf, contextOf } from '../chain/contexts.js';

const layer = shapeValidator(loadJsonGuard());
function decide(body: string, more: Parameters<typeof contextOf>[1] = {}) {
  const ctx = contextOf(undefined, { ...more, body });
  ctx.call = undefined;
  return { verdict: layer.decide(ctx) as Verdict, call: () => ctx.call };
}
const call = (more: string, id: string = '1'): string => `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":${more}}`;

describe('the shape validator', () => {
  it('adds the call, with its arguments where they lie', () => {
    const body = call('{"name":"t","arguments":{"a":[1,2]}}', '"x"');
    const { verdict, call: found } = decide(body);
    expect(verdict).toBe(PASS);
    expect(found()).toMatchObject({ method: 'tools/call', name: 't', idText: '"x"', kind: 'request' });
    expect(body.slice(found()?.argumentsFrom, found()?.argumentsTo)).toBe('{"a":[1,2]}');
  });

  it.each([
    ['', -32700], ['{', -32700], ['{"a":1,}', -32700], ['\ufeff{}', -32700], ['[]', -32600], ['null', -32600], ['{}', -32600], ['{"jsonrpc":"2.0","jsonrpc":"2.0","id":1,"method":"ping"}', -32600],
    ['{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600], ['{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600], ['{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600], ['{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[]}', -32600],
    [call('{"name":"t","arguments":{"a":"\\ud800"}}'), -32600], [call('{"name":7}'), -32602], [call('{"name":"t","arguments":[]}'), -32602], ['{"jsonrpc":"2.0","method":"tools/call","params":{"name":"t"}}', -32600],
  ])('refuses %j with %d', (body, rpcCode) => {
    const { verdict, call: found } = decide(body);
    expect(verdict).toMatchObject({ code: 'mcp_invalid_request', protocol: { rpcCode, httpStatus: 400 } });
    expect(found()).toBeUndefined();
  });

  it.each([
    '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1},"Method":"tools/call","Id":77,"Params":{"name":"bash"}}', call('{"name":"echo","Name":"bash"}'), call('{"name":"echo","arguments":{},"Arguments":{"a":1}}'),
    call('{"name":"echo","argument\u017f":{}}'), call('{"name":"echo","argument\\u017f":{}}'), '{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"a:/b","URI":"a:/c"}}', '{"jsonrpc":"2.0","id":1,"result":{},"Method":"tools/call"}',
  ])('refuses %j, which some servers read as another message', (body) => {
    const { verdict, call: found } = decide(body);
    expect(verdict).toMatchObject({ code: 'mcp_invalid_request', protocol: { rpcCode: -32600, httpStatus: 400, data: { reason: 'ambiguous_key' } } });
    expect(found()).toBeUndefined();
  });

  it('leaves the names of arguments to the tool', () => {
    expect(decide(call('{"name":"echo","arguments":{"name":1,"Name":2,"NAME":3,"Arguments":{},"_Meta":{}}}')).verdict).toBe(PASS);
  });

  it('bounds depth and keys by the config of the pinned snapshot', () => {
    const deep = call(`{"name":"t","arguments":{"a":${'['.repeat(10)}${']'.repeat(10)}}}`);
    expect(decide(deep).verdict).toBe(PASS);
    expect(decide(deep, { snapshot: { config: configOf('front: {json_depth_max: 8}') } }).verdict).toMatchObject({ protocol: { rpcCode: -32600 } });
    expect(decide(deep).verdict).toBe(PASS);
  });

  it('takes __proto__ for a name like any other', () => {
    expect(decide(call('{"name":"__proto__","arguments":{"__proto__":{"polluted":true}}}')).verdict).toBe(PASS);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it.each(['text/plain', '', 'application/jsonp', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=application/json'])('refuses a body of type %j', (contentType) => {
    expect(decide(call('{"name":"t"}'), { posted: { headers: { contentType } } }).verdict).toMatchObject({ code: 'mcp_invalid_request', reasonCode: 'content_type', remediation: expect.stringContaining('Content-Type: application/json') as string });
  });

  it.each(['application/json', 'Application/JSON', 'application/json; charset=utf-8', 'application/json ;x'])('takes a body of type %j', (contentType) => {
    expect(decide(call('{"name":"t"}'), { posted: { headers: { contentType } } }).verdict).toBe(PASS);
  });

  it.each(['GET', 'DELETE'] as const)('gives a %s a call of that name', (httpMethod) => {
    const { verdict, call: found } = decide('', { posted: { httpMethod } });
    expect([verdict, found()]).toMatchObject([PASS, { method: httpMethod, kind: 'notification', idText: undefined }]);
  });

  it('refuses headers that contradict the body', () => {
    expect(decide(call('{"name":"t"}'), { posted: { headers: { mcpMethod: 'tools/list' } } }).verdict).toMatchObject({ protocol: { rpcCode: -32020 } });
    expect(decide(call('{"name":"t"}'), { posted: { headers: { mcpName: 'other' } } }).verdict).toMatchObject({ protocol: { rpcCode: -32020 } });
  });

  it.each(['mcpMethod', 'mcpName', 'tracestate', 'lastEventId'] as const)('refuses the header %s, which goes on to the tool server, when it is not visible ASCII', (name) => {
    for (const value of ['a\x7f', '\xe9', 'a\u20acb']) {
      for (const httpMethod of ['POST', 'GET'] as const) expect(decide(call('{"name":"t"}'), { posted: { httpMethod, headers: { [name]: value } } }).verdict).toMatchObject({ code: 'mcp_invalid_request', reasonCode: 'header_value' });
    }
    expect(decide(call('{"name":"t"}'), { posted: { headers: { forwarded: [['mcp-param-a', 'a b\t~'], ['mcp-x', '\x00']] } } }).verdict).toMatchObject({ reasonCode: 'header_value', details: { header: 'mcp-x' } });
    expect(decide(call('{"name":"t"}'), { posted: { headers: { forwarded: [['mcp-param-a', 'a b\t~']], tracestate: 'a=1' } } }).verdict).toBe(PASS);
  });
});
