// A message for the other era: the members that differ are changed, and not one byte besides.
import { describe, expect, it } from 'vitest';
import { isMethodNotFound, legacyMeta, modernMeta, toLegacyRequest, toModernAnswer, toModernRequest, toPrivate, type ClientFacts } from '../../../src/mcp/other-era.js';

const CLIENT: ClientFacts = { capabilities: '{"sampling":{}}', info: '{"name":"c","version":"1"}' };
const META = '"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"sampling":{}},"io.modelcontextprotocol/clientInfo":{"name":"c","version":"1"}';
const ODD = '{"name":"t","arguments":{"n":1e400,"z":-0,"big":9007199254740993,"\\u0061":"\\ud83d\\ude00"}';
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');
const modern = (message: string, more?: readonly string[]): string => text(toModernRequest(Buffer.from(message), CLIENT, more));
const legacy = (message: string): string => text(toLegacyRequest(Buffer.from(message)));

describe('a request for a server of 2026-07-28', () => {
  it.each([
    ['{"jsonrpc":"2.0","id":1,"method":"tools/list"}', `{"params":{"_meta":{${META}}},"jsonrpc":"2.0","id":1,"method":"tools/list"}`],
    ['{"jsonrpc":"2.0","params":{},"id":"a","method":"m"}', `{"jsonrpc":"2.0","params":{"_meta":{${META}}},"id":"a","method":"m"}`],
    [`{"jsonrpc":"2.0", "id":1,"params":${ODD}}}`, `{"jsonrpc":"2.0", "id":1,"params":{"_meta":{${META}},"name":"t","arguments":{"n":1e400,"z":-0,"big":9007199254740993,"\\u0061":"\\ud83d\\ude00"}}}`],
    ['{"params":{"a":1,"_meta":{"progressToken":7,"x/y":null}},"id":1}', `{"params":{"_meta":{${META},"progressToken":7,"x/y":null},"a":1},"id":1}`],
    ['{"params":{"_meta":{"io.modelcontextprotocol/clientCapabilities":{"roots":{}}}},"id":1}', `{"params":{"_meta":{${META}}},"id":1}`],
    ['{"params":{"_meta":5},"id":1}', `{"params":{"_meta":{${META}}},"id":1}`],
  ])('says who asks: %s', (message, mapped) => {
    expect(modern(message)).toBe(mapped);
    expect(() => JSON.parse(mapped) as unknown).not.toThrow();
  });

  it('names the level of log messages once it was set', () => {
    expect(text(toModernRequest(Buffer.from('{"id":1}'), { ...CLIENT, logLevel: 'error' }))).toContain('"io.modelcontextprotocol/logLevel":"error"');
  });

  it('carries the answers of one round, and not those of the round before', () => {
    const message = '{"params":{"requestState":"old","inputResponses":{},"name":"t"},"id":1}';
    expect(modern(message, ['"inputResponses":{"k":{"n":1e400}}', '"requestState":"\\u0041=="'])).toBe(`{"params":{"_meta":{${META}},"inputResponses":{"k":{"n":1e400}},"requestState":"\\u0041==","name":"t"},"id":1}`);
  });
});

describe('a request for a server with a handshake', () => {
  it('has nothing that server could take for the newer era', () => {
    expect(legacy(`{"params":{"_meta":{${META},"progressToken":1e2, "k":[1, 2]},"n":-0},"id":1}`)).toBe('{"params":{"_meta":{"progressToken":1e2,"k":[1, 2]},"n":-0},"id":1}');
  });
  it.each(['{"id":1,"method":"m"}', '{"params":{"n":1e400},"id":1}', '{"params":{"_meta":[1]},"id":1}'])('is as it came without any: %s', (message) => {
    expect(legacy(message)).toBe(message);
  });
  it('leaves out of a list\'s _meta the same', () => {
    expect([legacyMeta(`{${META},"progressToken":1}`), legacyMeta(''), modernMeta('', CLIENT)]).toEqual(['{"progressToken":1}', '', `{${META}}`]);
  });
});

describe('an answer of a server with a handshake', () => {
  const mapped = (message: string, method = 'tools/call'): string => text(toModernAnswer(Buffer.from(message), method));
  it('is complete, and nothing of a list is to be kept', () => {
    expect(mapped('{"id":1,"result":{"content":[1e400]}}')).toBe('{"id":1,"result":{"resultType":"complete","content":[1e400]}}');
    expect(mapped('{"id":1,"result":{}}')).toBe('{"id":1,"result":{"resultType":"complete"}}');
    expect(mapped('{"id":1,"result":{"resultType":"task"}}')).toBe('{"id":1,"result":{"resultType":"task"}}');
    expect(mapped('{"id":1,"result":{"prompts":[],"ttlMs":9,"cacheScope":"public"}}', 'prompts/list')).toBe('{"id":1,"result":{"resultType":"complete","ttlMs":0,"cacheScope":"private","prompts":[]}}');
  });
  it('has no number that the newer era no longer has', () => {
    const error = (code: number): string => `{"id":1,"error":{"code":${code},"message":"m","data":1e400}}`;
    expect([mapped(error(-32002)), mapped(error(-32042)), mapped(error(-32000))]).toEqual([error(-32602), error(-32603), error(-32000)]);
    expect([isMethodNotFound(Buffer.from(error(-32601))), isMethodNotFound(Buffer.from(error(-32602)))]).toEqual([true, false]);
  });
});

it('what was meant for everybody becomes private', () => {
  expect(text(toPrivate(Buffer.from('{"id":1,"result":{"ttlMs":5,"cacheScope":"public","a":1e400}}')))).toBe('{"id":1,"result":{"ttlMs":5,"cacheScope":"private","a":1e400}}');
  expect(text(toPrivate(Buffer.from('{"id":1,"result":{"cacheScopes":"public"}}')))).toBe('{"id":1,"result":{"cacheScopes":"public"}}');
});
