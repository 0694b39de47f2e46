// Names with an escape, which V8 of Node 24 takes for another once it has seen that one: read as JSON has them, whatever was read before.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseJson } from '../../../../src/base/json/parse-json.js';

const NAMES = ['a', 'b', '1', '', 'ab', '"', '\\', '\n', '/', '\u0000', 'é', '__proto__', '"a', '\\a'];
const escaped = (name: string): string => `"${Array.from({ length: name.length }, (_, at) => `\\u${name.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')}"`;

it('reads two such names as two', () => {
  const before: unknown = JSON.parse('{"seldom named":1,"\\\\":1}'); // V8 errs where one member alone is known to follow
  expect(parseJson('{"seldom named":1,"\\u0062":2,"\\u0063" : 3}')).toEqual({ 'seldom named': 1, b: 2, c: 3 });
  expect(parseJson('{"seldom named":1,"\\u0062":2,"\\\\":3}')).toEqual({ 'seldom named': 1, b: 2, '\\': 3 });
  expect(before).toEqual({ 'seldom named': 1, '\\': 1 });
  expect(parseJson('["a",":",{"\\u0062":",","c":":"}]')).toEqual(['a', ':', { b: ',', c: ':' }]);
  expect(parseJson('[{"x":{"\\n":1,"\\"":2}},"\\u0062"]')).toEqual([{ x: { '\n': 1, '"': 2 } }, 'b']);
});

it.each([
  ['ur\\', 'ur\\u006c', 'url'], ['\\u', '\\u0075r', 'ur'], ['\\u00', '\\u0068ost', 'host'], ['a\\', 'a\\"', 'a"'], ['\\"', '\\"\\n', '"\n'],
])('after the name %j, reads the name written %s', (former, written, name) => {
  for (const escapedFirst of [false, true]) {
    const texts = [`{"met":1,${JSON.stringify(former)}:1}`, `{"met":1,"${written}":2}`];
    const [first, second] = [{ met: 1, [former]: 1 }, { met: 1, [name]: 2 }];
    expect(parseJson(`[${(escapedFirst ? texts.toReversed() : texts).join(',')}]`)).toEqual(escapedFirst ? [second, first] : [first, second]);
    JSON.parse(texts[0] ?? '');
    expect(parseJson(texts[1] ?? '')).toEqual(second);
  }
});

it('reads any names as they are, the last of a doubled one, in the order of a plain object', () => {
  const member = fc.tuple(fc.constantFrom(...NAMES), fc.boolean(), fc.jsonValue({ maxDepth: 1 }));
  fc.assert(fc.property(fc.array(member, { maxLength: 6 }), (members) => {
    const text = `{${members.map(([name, isEscaped, value]) => `${isEscaped ? escaped(name) : JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`;
    const wanted = new Map(members.map(([name, , value]) => [name, JSON.stringify(value)]));
    const read = parseJson(text) as Record<string, unknown>;
    expect(Object.keys(read)).toEqual(Object.keys(Object.fromEntries(wanted)));
    for (const [name, value] of Object.entries(read)) expect(JSON.stringify(value)).toBe(wanted.get(name));
  }), { numRuns: 2000 });
});

it.each(['', '{', '{"\\u0061":}', '{"a" "\\u0061":1}', '{"\\u00g1":1}'])('throws for %j as JSON.parse does', (text) => {
  expect(() => parseJson(text)).toThrow(SyntaxError);
});

it('reads texts of any depth and length', () => {
  const deep = parseJson(`{"\\u0061":${'['.repeat(50_000)}{"\\u0062":1}${']'.repeat(50_000)}}`);
  let levels = 0;
  let inner = (deep as Readonly<Record<string, unknown>>).a;
  for (; Array.isArray(inner); inner = inner[0] as unknown) levels += 1;
  expect([levels, inner]).toEqual([50_000, { b: 1 }]);
  expect(parseJson(`{"\\u0061":"${'\\n'.repeat(5_000_000)}"}`)).toEqual({ a: '\n'.repeat(5_000_000) });
});
