// Hostile tables and properties for parseCall: what is one MCP message, and which protocol error anything else gets.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GUARD_OUT_LENGTH, GUARD_STATUS } from '../../../src/base/json/types.js';
import { createTypescriptGuard } from '../../../src/base/json/typescript-guard.js';
import type { MirrorHeaders } from '../../../src/mcp/eras.js';
import { createRequestIdReader, parseCall } from '../../../src/mcp/json-rpc.js';
import type { Call, ParsedCall, ProtocolError } from '../../../src/mcp/types.js';

const guard = createTypescriptGuard({ k0: 1, k1: 2 }, 'test');

function guardText(text: string) {
  const bytes = Buffer.from(text, 'utf8');
  const out = new Uint32Array(GUARD_OUT_LENGTH);
  return { bytes, status: guard.check(bytes, { depthMax: 64, keysMax: 10_000 }, out), out };
}

const NO_HEADERS: MirrorHeaders = { mcpProtocolVersion: '', mcpMethod: '', mcpName: '', mcpSessionId: '' };

function parse(message: unknown, headers: Partial<MirrorHeaders> = {}): ParsedCall {
  const { bytes, status, out } = guardText(typeof message === 'string' ? message : JSON.stringify(message));
  return parseCall(bytes, status, out, { ...NO_HEADERS, ...headers });
}
function call(message: unknown, headers: Partial<MirrorHeaders> = {}): Call {
  const parsed = parse(message, headers);
  if (!parsed.ok) throw new Error(`refused: ${JSON.stringify(parsed.error)}`);
  return parsed.call;
}
function refusal(message: unknown, headers: Partial<MirrorHeaders> = {}): ProtocolError {
  const parsed = parse(message, headers);
  if (parsed.ok) throw new Error(`accepted: ${JSON.stringify(parsed.call)}`);
  return parsed.error;
}

const toolCall = (more: Record<string, unknown> = {}) => ({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'echo', arguments: { a: 1 } }, ...more });

describe('one message', () => {
  it('reads a tool call with the span of its arguments', () => {
    const text = JSON.stringify(toolCall());
    const found = call(text);
    expect(found).toMatchObject({ kind: 'request', era: 'legacy', method: 'tools/call', name: 'echo', idText: '1', escapes: false });
    expect(Buffer.from(text).toString('utf8', found.argumentsFrom, found.argumentsTo)).toBe('{"a":1}');
  });
  it('keeps an id as it was written', () => {
    for (const id of ['1', '-0', '9007199254740993', '""', '"1"', '"\\u0031"', '"é"']) {
      expect(call(`{"jsonrpc":"2.0","id":${id},"method":"ping"}`).idText).toBe(id);
    }
  });
  it('decodes an escaped method and an escaped name', () => {
    const found = call('{"jsonrpc":"2.0","id":1,"method":"tools\\/call","params":{"name":"\\u0062ash"}}');
    expect(found).toMatchObject({ method: 'tools/call', name: 'bash', escapes: true });
  });
  it('reads an answer and a notification', () => {
    expect(call({ jsonrpc: '2.0', id: 7, result: {} })).toMatchObject({ kind: 'response', idText: '7', method: '' });
    expect(call({ jsonrpc: '2.0', id: 7, error: { code: 1, message: '' } }).kind).toBe('response');
    expect(call({ jsonrpc: '2.0', method: 'notifications/initialized' })).toMatchObject({ kind: 'notification', idText: undefined });
  });
  it('reads what is completed from its reference', () => {
    const complete = (ref: unknown) => ({ jsonrpc: '2.0', id: 1, method: 'completion/complete', params: { argument: { name: 'a', value: '' }, ref, name: 'x', uri: 'y' } });
    expect(call(complete({ type: 'ref/prompt', name: 'greet', uri: 'z' }))).toMatchObject({ name: 'greet', uri: '' });
    expect(call(complete({ uri: 'file:///{a}', type: 'ref/resource' }))).toMatchObject({ name: '', uri: 'file:///{a}' });
    for (const ref of [undefined, 'greet', { type: 'ref/other', name: 'a' }, { type: 'ref/prompt' }, { type: 'ref/prompt', name: '' }, { type: 'ref/resource', uri: 1 }, { type: 'ref/prompt', name: 'a'.repeat(1025) }, { type: 'ref/resource', uri: 'a'.repeat(8193) }]) {
      expect(refusal(complete(ref))).toMatchObject({ rpcCode: -32602, httpStatus: 400 });
    }
    // A server that ignores case would complete another one.
    expect(refusal(complete({ type: 'ref/prompt', name: 'public', NAME: 'secret' }))).toMatchObject({ rpcCode: -32602 });
  });
  it('takes the name only from methods that are called by name', () => {
    expect(call({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: { name: 'x', uri: 'y' } })).toMatchObject({ name: '', uri: '' });
    expect(call({ jsonrpc: '2.0', id: 1, method: 'resources/read', params: { uri: 'file:///a' } })).toMatchObject({ uri: 'file:///a', name: '' });
  });
  it('takes what is called __proto__ for a word like any other', () => {
    expect(call({ jsonrpc: '2.0', id: 1, method: '__proto__' }).method).toBe('__proto__');
    expect(call('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"constructor","__proto__":{"name":"x"}}}').name).toBe('constructor');
  });
});

describe('refusals', () => {
  it.each(GUARD_STATUS.filter((status) => status !== 'ok'))('answers the guard\'s %s with its number and 400', (status) => {
    const parsed = parseCall(Buffer.from('x'), status, new Uint32Array(GUARD_OUT_LENGTH), NO_HEADERS);
    const expected = status === 'syntax' || status === 'utf8' ? -32700 : -32600;
    expect(parsed).toMatchObject({ ok: false, error: { rpcCode: expected, httpStatus: 400, idText: undefined } });
  });

  it.each([
    ['Method', '{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}'], ['Param\u017f', '{"jsonrpc":"2.0","id":1,"method":"ping","Param\\u017f":{}}'], ['Name', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","\\u004eame":"b"}}'],
    ['Arguments', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","Arguments":{"x":"y"}}}'], ['id', '{"jsonrpc":"2.0","id\\u0000AKIAIOSFODNN7EXAMPLE":1,"method":"ping"}'], ['RESULT', '{"jsonrpc":"2.0","id":1,"result":{},"RESULT":{}}'],
  ])('names the member %s, which some readers take for another, and nothing of what stands beside it', (member, text) => {
    const error = refusal(text);
    expect(error).toMatchObject({ rpcCode: -32600, httpStatus: 400, idText: undefined, data: { reason: 'ambiguous_key', member } });
    expect(error.message).toContain(JSON.stringify(member));
    expect(JSON.stringify(error)).not.toContain('AKIA');
  });

  const invalidRequests: readonly (readonly [string, unknown])[] = [
    ['a batch', [toolCall()]],
    ['a scalar', '42'],
    ['no jsonrpc', { id: 1, method: 'ping' }],
    ['jsonrpc 1.0', { jsonrpc: '1.0', id: 1, method: 'ping' }],
    ['jsonrpc as a number', '{"jsonrpc":2.0,"id":1,"method":"ping"}'],
    ['a null id', { jsonrpc: '2.0', id: null, method: 'ping' }],
    ['a fractional id', { jsonrpc: '2.0', id: 1.5, method: 'ping' }],
    ['an id with an exponent', '{"jsonrpc":"2.0","id":1e2,"method":"ping"}'],
    ['a boolean id', { jsonrpc: '2.0', id: true, method: 'ping' }],
    ['an object id', { jsonrpc: '2.0', id: {}, method: 'ping' }],
    ['an id of 2000 bytes', { jsonrpc: '2.0', id: 'x'.repeat(2000), method: 'ping' }],
    ['an empty method', { jsonrpc: '2.0', id: 1, method: '' }],
    ['a method that is a number', { jsonrpc: '2.0', id: 1, method: 1 }],
    ['a null method', { jsonrpc: '2.0', id: 1, method: null }],
    ['a method of 300 bytes', { jsonrpc: '2.0', id: 1, method: 'm'.repeat(300) }],
    ['params in an array', { jsonrpc: '2.0', id: 1, method: 'ping', params: [] }],
    ['null params', { jsonrpc: '2.0', id: 1, method: 'ping', params: null }],
    ['a request with a result', toolCall({ result: {} })],
    ['a request with an error', toolCall({ error: { code: 1, message: '' } })],
    ['an answer with result and error', { jsonrpc: '2.0', id: 1, result: {}, error: {} }],
    ['an answer with neither', { jsonrpc: '2.0', id: 1 }],
    ['an answer without id', { jsonrpc: '2.0', result: {} }],
    ['a result that is a string', { jsonrpc: '2.0', id: 1, result: 'x' }],
    ['an empty object', {}],
    ['a tool call without id', { jsonrpc: '2.0', method: 'tools/call', params: { name: 'bash' } }],
    ['a tools/list without id', { jsonrpc: '2.0', method: 'tools/list' }],
  ];
  it.each(invalidRequests)('refuses %s with -32600', (_, message) => {
    expect(refusal(message)).toMatchObject({ rpcCode: -32600, httpStatus: 400 });
  });

  const invalidParams: readonly (readonly [string, unknown])[] = [
    ['a tool call without params', { jsonrpc: '2.0', id: 1, method: 'tools/call' }],
    ['a tool call without name', toolCall({ params: {} })],
    ['an empty tool name', toolCall({ params: { name: '' } })],
    ['a tool name in an array', toolCall({ params: { name: ['bash'] } })],
    ['a tool name of 2000 bytes', toolCall({ params: { name: 'x'.repeat(2000) } })],
    ['arguments in an array', toolCall({ params: { name: 'a', arguments: [] } })],
    ['null arguments', toolCall({ params: { name: 'a', arguments: null } })],
    ['arguments in a string', toolCall({ params: { name: 'a', arguments: '{}' } })],
    ['a prompt without name', { jsonrpc: '2.0', id: 1, method: 'prompts/get', params: {} }],
    ['a resource without uri', { jsonrpc: '2.0', id: 1, method: 'resources/read', params: {} }],
    ['a subscription without uri', { jsonrpc: '2.0', id: 1, method: 'resources/subscribe', params: { uri: 1 } }],
    ['initialize without a version', { jsonrpc: '2.0', id: 1, method: 'initialize', params: {} }],
  ];
  it.each(invalidParams)('refuses %s with -32602 and the id', (_, message) => {
    expect(refusal(message)).toMatchObject({ rpcCode: -32602, httpStatus: 400, idText: '1' });
  });
});

const META = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} };
const modernCall = (meta: Record<string, unknown> = META) => toolCall({ params: { name: 'echo', arguments: {}, _meta: meta } });
const MODERN: Partial<MirrorHeaders> = { mcpProtocolVersion: '2026-07-28', mcpMethod: 'tools/call', mcpName: 'echo' };

describe('eras', () => {
  it('takes a version in _meta for modern', () => {
    expect(call(modernCall(), MODERN)).toMatchObject({ era: 'modern', protocolVersion: '2026-07-28' });
  });
  it('takes what names no version for legacy', () => {
    expect(call(toolCall())).toMatchObject({ era: 'legacy', protocolVersion: '' });
    expect(call(toolCall(), { mcpSessionId: 's' }).protocolVersion).toBe('2025-03-26');
    expect(call(toolCall(), { mcpProtocolVersion: '2025-06-18' }).protocolVersion).toBe('2025-06-18');
  });
  it('takes the version of initialize from its params', () => {
    const initialize = { jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: {} } };
    expect(call(initialize)).toMatchObject({ era: 'legacy', protocolVersion: '2025-11-25' });
    expect(refusal(initialize, { mcpProtocolVersion: '2026-07-28' }).rpcCode).toBe(-32020);
  });
  it('decodes the sentinel form of Mcp-Name', () => {
    const named = toolCall({ params: { name: 'größe', _meta: META } });
    const mcpName = `=?base64?${Buffer.from('größe').toString('base64')}?=`;
    expect(call(named, { ...MODERN, mcpName }).name).toBe('größe');
    expect(refusal(named, { ...MODERN, mcpName: '=?base64?!!?=' }).rpcCode).toBe(-32020);
  });
  it.each<readonly [string, Partial<MirrorHeaders>]>([
    ['no version header', { ...MODERN, mcpProtocolVersion: '' }],
    ['another version header', { ...MODERN, mcpProtocolVersion: '2025-11-25' }],
    ['no method header', { ...MODERN, mcpMethod: '' }],
    ['another method header', { ...MODERN, mcpMethod: 'tools/list' }],
    ['a method header in another case', { ...MODERN, mcpMethod: 'Tools/Call' }],
    ['no name header', { ...MODERN, mcpName: '' }],
    ['another name header', { ...MODERN, mcpName: 'harmless' }],
  ])('refuses a modern call with %s as -32020', (_, headers) => {
    expect(refusal(modernCall(), headers)).toMatchObject({ rpcCode: -32020, httpStatus: 400, idText: '1' });
  });
  it('refuses a legacy call whose headers contradict it', () => {
    expect(refusal(toolCall(), { mcpName: 'harmless' }).rpcCode).toBe(-32020);
    expect(refusal(toolCall(), { mcpMethod: 'ping' }).rpcCode).toBe(-32020);
    expect(call(toolCall(), { mcpMethod: 'tools/call', mcpName: 'echo' }).name).toBe('echo');
  });
  it('names the supported versions to who asks for another', () => {
    const future = { ...META, 'io.modelcontextprotocol/protocolVersion': '2099-01-01' };
    const error = refusal(modernCall(future), { ...MODERN, mcpProtocolVersion: '2099-01-01' });
    expect(error).toMatchObject({ rpcCode: -32022, httpStatus: 400, data: { requested: '2099-01-01' } });
    expect(error.data?.['supported']).toEqual(['2026-07-28']);
    const older = refusal(toolCall(), { mcpProtocolVersion: '1999-01-01' });
    expect([older.rpcCode, older.data?.['supported']]).toEqual([-32022, ['2026-07-28', '2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05']]);
    expect(refusal({ jsonrpc: '2.0', id: 1, result: {} }, { mcpProtocolVersion: 'x' }).rpcCode).toBe(-32022);
  });
  it('refuses a modern request that lacks what _meta must have', () => {
    expect(refusal(toolCall(), MODERN)).toMatchObject({ rpcCode: -32602, data: { missing: ['io.modelcontextprotocol/protocolVersion'] } });
    expect(refusal(modernCall({ 'io.modelcontextprotocol/protocolVersion': '2026-07-28' }), MODERN).rpcCode).toBe(-32602);
    expect(refusal(modernCall({ ...META, 'io.modelcontextprotocol/protocolVersion': 20260728 }), MODERN).rpcCode).toBe(-32602);
    expect(refusal(modernCall({ ...META, 'io.modelcontextprotocol/clientCapabilities': [] }), MODERN).rpcCode).toBe(-32602);
  });
  it.each(['initialize', 'ping', 'logging/setLevel', 'resources/subscribe', 'resources/unsubscribe'])('does not find %s in the version that has it no more, whatever its params', (method) => {
    const params = { protocolVersion: '2025-11-25', uri: 'test://x' };
    expect(refusal({ jsonrpc: '2.0', id: 1, method, params: { _meta: META } }, { ...MODERN, mcpMethod: method, mcpName: '' })).toMatchObject({ rpcCode: -32601, httpStatus: 404, idText: '1' });
    expect(call({ jsonrpc: '2.0', id: 1, method, params }).method).toBe(method);
  });
  it('refuses an answer in the era that has none', () => {
    expect(refusal({ jsonrpc: '2.0', id: 1, result: {} }, { mcpProtocolVersion: '2026-07-28' }).rpcCode).toBe(-32600);
  });
  it('takes the era of a notification from its header', () => {
    const cancelled = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } };
    expect(call(cancelled, { mcpProtocolVersion: '2026-07-28' }).era).toBe('modern');
    expect(refusal(cancelled, { mcpProtocolVersion: '2026-07-28', mcpMethod: 'tools/call' }).rpcCode).toBe(-32020);
  });
});

describe('properties', () => {
  const headers = fc.record({
    mcpProtocolVersion: fc.constantFrom('', '2026-07-28', '2025-11-25', 'x'), mcpMethod: fc.constantFrom('', 'tools/call', 'ping'), mcpName: fc.constantFrom('', 'echo', '=?base64?ZWNobw==?='), mcpSessionId: fc.constantFrom('', 's'),
  });
  it('never throws, and refuses only with the specs\' numbers', () => {
    fc.assert(fc.property(fc.json(), headers, (text, some) => {
      const { bytes, status, out } = guardText(text);
      const parsed = parseCall(bytes, status, out, some);
      if (!parsed.ok) expect([-32700, -32600, -32601, -32602, -32020, -32022]).toContain(parsed.error.rpcCode);
    }), { numRuns: 300 });
  });
  it('says the same method, name and id as a JSON parser of whatever it accepts', () => {
    const member = fc.oneof(fc.constantFrom('tools/call', 'ping', 'x', '2.0', 'echo'), fc.integer(), fc.constant(null), fc.string());
    const message = fc.record({
      jsonrpc: fc.constant('2.0'), id: fc.oneof(fc.integer(), fc.string(), fc.double(), fc.constant(null)), method: member,
      params: fc.oneof(fc.record({ name: member, arguments: fc.oneof(fc.dictionary(fc.string(), fc.integer()), fc.array(fc.integer())) }, { requiredKeys: [] }), member),
      result: fc.dictionary(fc.string(), fc.integer()),
    }, { requiredKeys: ['jsonrpc'] });
    let accepted = 0;
    fc.assert(fc.property(message, (value) => {
      const parsed = parse(value);
      if (!parsed.ok) return;
      accepted += 1;
      const plain = JSON.parse(JSON.stringify(value)) as { id?: unknown; method?: unknown; params?: { name?: unknown } };
      expect(parsed.call.method).toBe(plain.method ?? '');
      expect(parsed.call.idText === undefined ? undefined : JSON.parse(parsed.call.idText)).toEqual(plain.id);
      if (parsed.call.method === 'tools/call') expect(parsed.call.name).toBe(plain.params?.name);
    }), { numRuns: 1000 });
    expect(accepted).toBeGreaterThan(10);
  });
});

describe('a message without headers of its own', () => {
  const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} };
  const modern = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'echo', _meta: meta } };
  const SESSION = { headerless: true, mcpSessionId: 's', mcpProtocolVersion: '2025-06-18' };
  it('mirrors nothing, and is of 2026-07-28 all the same, also beside a session', () => {
    for (const headers of [{ headerless: true }, SESSION]) expect(call(modern, headers)).toMatchObject({ era: 'modern', protocolVersion: '2026-07-28', name: 'echo' });
    expect(refusal(modern, { headerless: false }).rpcCode).toBe(-32_020);
  });
  it('has the version of its session where it names none', () => {
    expect(call(toolCall(), SESSION)).toMatchObject({ era: 'legacy', protocolVersion: '2025-06-18' });
  });
  it('is refused for a version that is none', () => {
    expect(refusal({ ...modern, params: { ...modern.params, _meta: { ...meta, 'io.modelcontextprotocol/protocolVersion': '1999-01-01' } } }, { headerless: true }).rpcCode).toBe(-32_022);
  });
});

describe('the id under which something is refused', () => {
  it('is never that of an answer, which is its server\'s', () => {
    for (const wrong of [{ result: 'text' }, { error: [] }, { result: {}, error: {} }]) expect(refusal({ jsonrpc: '2.0', id: 7, ...wrong }).idText).toBeUndefined();
    expect(refusal({ jsonrpc: '2.0', id: 7 }).idText).toBe('7');
  });
  it('is read from a request that no layer has seen, and from nothing else', () => {
    const idOf = createRequestIdReader(guard, { depthMax: 8, keysMax: 20 });
    const of = (message: unknown): string | undefined => idOf(Buffer.from(typeof message === 'string' ? message : JSON.stringify(message)));
    expect([of(toolCall()), of({ jsonrpc: '2.0', id: 'a"b', method: 'x' })]).toEqual(['1', '"a\\"b"']);
    expect(of('{"params":{"id":9},"method":"x","id":"\\u0031"}')).toBe('"\\u0031"');
    for (const none of [{ jsonrpc: '2.0', method: 'x' }, { jsonrpc: '2.0', id: 1, result: {} }, { id: null, method: 'x' }, { id: {}, method: 'x' }, '{"id":1,"id":2,"method":"x"}', '[{"id":1,"method":"x"}]', '{"id":1,"method":"x"', '']) expect(of(none), JSON.stringify(none)).toBeUndefined();
  });
});
