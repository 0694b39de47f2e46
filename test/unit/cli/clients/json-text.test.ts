// Servers in JSON with comments: what is set and removed, and that nothing else of the text changes.
import { describe, expect, it } from 'vitest';
import { readJsonServers } from '../../../../src/cli/clients/json-text.js';
import { TextFault } from '../../../../src/cli/clients/text-fault.js';

const ENTRY = { url: 'http://localhost:9090' };
const AT = ['mcpServers'];
const set = (text: string, at = AT): string => readJsonServers(text, at).set('precinct', ENTRY);
const removed = (text: string, name = 'precinct', at = AT): string => readJsonServers(text, at).remove(name);
const names = (text: string, at = AT): string[] => readJsonServers(text, at).servers.map(({ name }) => name);

describe('setting a server', () => {
  it.each([
    ['no text', ''], ['an empty object', '{}'], ['comments alone', '// mine\n'], ['an object with a comment', '{\n  // mine\n}\n'], ['other keys', '{"theme":"dark"}'], ['an empty map', '{ "mcpServers": {} }'],
    ['one line', '{"mcpServers":{"a":{"command":"x"}}}'], ['a comment behind the last', '{\n  "mcpServers": {\n    "a": {} // mine\n  }\n}\n'], ['trailing commas', '{\n  "mcpServers": {\n    "a": {},\n  },\n}\n'],
    ['a comment before the comma', '{ "mcpServers": { "a": {} /* mine */ , } }'],
  ])('keeps all that is there: %s', (_what, text) => {
    const edited = set(text);
    expect(names(edited)).toEqual([...names(text), 'precinct']);
    for (const comment of text.match(/\/\/ mine|\/\* mine \*\//g) ?? []) expect(edited).toContain(comment);
    expect(set(edited)).toBe(edited);
  });

  it('leaves every other byte: tabs, CRLF, comments beside what they belong to', () => {
    const text = '{\r\n\t// all of them\r\n\t"servers": {\r\n\t\t"a": { "command": "x" }, // first\r\n\t\t/* second */ "b": {},\r\n\t},\r\n\t"inputs": []\r\n}\r\n';
    const edited = set(text, ['servers']);
    expect(edited).toBe('{\r\n\t// all of them\r\n\t"servers": {\r\n\t\t"a": { "command": "x" }, // first\r\n\t\t/* second */ "b": {},\r\n\t\t"precinct": {\r\n\t\t\t"url": "http://localhost:9090"\r\n\t\t}\r\n\t},\r\n\t"inputs": []\r\n}\r\n');
  });

  it('puts the new one behind the comment of the last', () => {
    expect(set('{\n  "mcpServers": {\n    "a": {} // mine\n  }\n}\n')).toBe('{\n  "mcpServers": {\n    "a": {}, // mine\n    "precinct": {\n      "url": "http://localhost:9090"\n    }\n  }\n}\n');
  });

  it('replaces an entry where it stands', () => {
    const text = '{\n  "mcpServers": {\n    "precinct": { "url": "http://old" }, // ours\n    "b": {}\n  }\n}\n';
    expect(set(text)).toBe(text.replace('{ "url": "http://old" }', '{\n      "url": "http://localhost:9090"\n    }'));
  });

  it('reaches nested keys, and names that are keys of every object', () => {
    expect(names(set('{"a":1}', ['mcp', 'servers']), ['mcp', 'servers'])).toEqual(['precinct']);
    const odd = readJsonServers('{"mcpServers":{}}', AT).set('__proto__', ENTRY);
    expect(JSON.parse(odd)).toEqual(JSON.parse('{"mcpServers":{"__proto__":{"url":"http://localhost:9090"}}}'));
  });
});

describe('removing a server', () => {
  it.each([
    ['{\n  "mcpServers": {\n    "a": {} // mine\n  }\n}\n'], ['{\r\n\t"mcpServers": {\r\n\t\t"a": {}, // first\r\n\t\t"b": {} /* second */\r\n\t}\r\n}\r\n'], ['{\n  "mcpServers": {},\n  "x": 1\n}\n'],
  ])('is the inverse of setting it: %j', (text) => {
    expect(removed(set(text))).toBe(text);
  });

  it('leaves no comma before the end, which strict readers refuse', () => {
    expect(JSON.parse(removed('{"mcpServers":{"a":{},"precinct":{}}}'))).toEqual({ mcpServers: { a: {} } });
    expect(JSON.parse(removed('{\n  "mcpServers": {\n    "precinct": {},\n    "a": {}\n  }\n}'))).toEqual({ mcpServers: { a: {} } });
  });

  it('keeps the comments of the others', () => {
    expect(removed('{\n  "mcpServers": {\n    "a": {}, // of a\n    // of b\n    "b": {},\n    "precinct": {}\n  }\n}\n')).toBe('{\n  "mcpServers": {\n    "a": {}, // of a\n    // of b\n    "b": {}\n  }\n}\n');
  });

  it('changes nothing where there is none', () => {
    expect(removed('{ "mcpServers" : { } }')).toBe('{ "mcpServers" : { } }');
    expect(removed('')).toBe('');
  });
});

it.each([
  ['{\n  "mcpServers": { "a": oops }\n}', 2, 24], ['{"a":1', 1, 7], ['[]', 1, 1], ['{"mcpServers":[]}', 1, 15], ['{"mcpServers":{"a":{},\n"a":{}}}', 2, 1], ['{"mcpServers":{},"mcpServers":{}}', 1, 18], ['{"a" 1}', 1, 6],
])('names the place where %j is wrong', (text, line, column) => {
  const fault = ((): unknown => {
    try {
      return readJsonServers(text, AT);
    } catch (error) {
      return error;
    }
  })();
  expect(fault).toBeInstanceOf(TextFault);
  expect(fault).toMatchObject({ line, column });
});

it('says on which line each server stands', () => {
  expect(readJsonServers('{\n  "mcpServers": {\n    "a": {},\n\n    "b": {}\n  }\n}', AT).servers.map(({ name, line }) => [name, line])).toEqual([['a', 3], ['b', 5]]);
});
