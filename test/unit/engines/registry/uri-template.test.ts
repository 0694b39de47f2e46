// Which URIs a template gives, what is none, and that no pattern takes long.
import { describe, expect, it } from 'vitest';
import { hasDotSegments, hasOtherReading } from '../../../../src/engines/registry/resource-table.js';
import { parseUriTemplate } from '../../../../src/engines/registry/uri-template.js';

describe('a URI template', () => {
  it.each([
    ['file:///notes/{name}', ['file:///notes/a', 'file:///notes/a%20b.md'], ['file:///notes/', 'file:///notes/a/b', 'file:///notes/a?x', 'file:///notes/a\\b', 'file:///other/a', 'xfile:///notes/a']],
    ['db://{table}/{id}', ['db://users/1'], ['db://users', 'db://users/', 'db:///1', 'db://a/b/c']],
    ['file:///{+path}', ['file:///a', 'file:///a/b/c'], ['file:///']],
    ['http://x{/segments*}', ['http://x', 'http://x/a/b'], ['http://y']],
    ['http://x/s{?q,page}', ['http://x/s', 'http://x/s?q=1&page=2'], ['http://x/t']],
    ['a{x}b{y}c', ['a1b2c', 'abbbc'], ['abc', 'a1bc', 'a1b2d', 'a1b2cc2']],
  ] as const)('%s', (text, hits, misses) => {
    const template = parseUriTemplate(text);
    expect(hits.map((uri) => template?.matches(uri))).toEqual(hits.map(() => true));
    expect(misses.filter((uri) => template?.matches(uri) === true)).toEqual([]);
  });

  it.each(['file:///plain', 'a{', 'a}', 'a{}', 'a{x', '{x}}', `${'{x}'.repeat(17)}`])('is none: %s', (text) => {
    expect(parseUriTemplate(text)).toBeUndefined();
  });

  it('is matched in time linear in the URI, whoever wrote the two', () => {
    const template = parseUriTemplate('{a}a'.repeat(16));
    expect(template?.matches('a'.repeat(8192))).toBe(true);
    expect(template?.matches(`${'a'.repeat(8191)}b`)).toBe(false);
  });
});

describe('dot segments', () => {
  it.each(['file:///a/../b', 'file:///a/..', '../a', 'file:///a/./b', 'file:///a/%2e%2E/b', 'file:///a/.%2e%2fb', 'file:///a/%252e%252e/b', 'file:///a\\..\\b', 'file:///a/..?x', 'file:///a/..;/b', 'file:///a/..%3bx/b', `file:///${'%25'.repeat(3)}2525252e`])('are in %s', (uri) => {
    expect(hasDotSegments(uri)).toBe(true);
  });

  it.each(['file:///a/b.c', 'file:///a/..b', 'file:///a/...', 'file:///.hidden', 'db://a%2Fb', 'urn:x:1.2'])('are not in %s', (uri) => {
    expect(hasDotSegments(uri)).toBe(false);
  });
});

describe('another reading', () => {
  it.each(['file:///docs/.\t./etc', 'file:///docs/a\nb', '\u0001file:///a', 'file:///a\u0085', ' file:///a', 'file:///a ', '\ufefffile:///a', 'file:///a\\b', 'file:///%70rivate/x', 'file:///%5A', 'file:///a%7Eb', 'file:///a%00', 'file:///a%1fb', 'file:///a%7F', 'file:///%2570rivate', 'file:///%c0%ae', 'file:///a/../b', `file:///${'%25'.repeat(2)}252525`])('has %j', (uri) => {
    expect(hasOtherReading(uri)).toBe(true);
  });

  it.each(['file:///docs/a.b', 'file:///a b', 'file:///caf%C3%A9', 'file:///café', 'db://a%2Fb', 'db://100%25', 'file:///a%20b%5C%7B%40%5B%60', 'file:///many/{x}', 'x://s{?q,page}', 'file:///~u/-_'])('has not %j', (uri) => {
    expect(hasOtherReading(uri)).toBe(false);
  });
});
