// Mcp-Param-*: which properties a schema marks, and whether header and argument say the same.
import { describe, expect, it } from 'vitest';
import { encodeMirroredHeader } from '../../../src/mcp/header-mirror.js';
import { findParamMismatch, makeParamHeaders, readParamMarks } from '../../../src/mcp/param-headers.js';

const marked = (mark: unknown, type: unknown = 'string') => ({ type, 'x-mcp-header': mark });
const object = (properties: unknown) => ({ type: 'object', properties });
const SCHEMA = object({ region: marked('Region'), limit: marked('Limit', 'integer'), dry: marked('Dry-Run', 'boolean'), plain: { type: 'string' }, where: object({ city: marked('City') }) });
const MARKS = readParamMarks(SCHEMA) ?? [];
const mismatch = (args: string, headers: readonly (readonly [string, string])[], required = true) => findParamMismatch(MARKS, headers, Buffer.from(args), { from: 0, to: Buffer.byteLength(args) }, required);

describe('the marks of a schema', () => {
  it('are its primitive properties with x-mcp-header, however deep', () => {
    expect(MARKS).toEqual([
      { header: 'mcp-param-region', path: ['region'] }, { header: 'mcp-param-limit', path: ['limit'] }, { header: 'mcp-param-dry-run', path: ['dry'] }, { header: 'mcp-param-city', path: ['where', 'city'] },
    ]);
  });
  it.each([
    ['without any', object({ a: { type: 'string' } })], ['no schema', undefined], ['an empty name', object({ a: marked('') })], ['a name that is no token', object({ a: marked('a b') })],
    ['a line break in it', object({ a: marked('a\r\nX-Evil: 1') })], ['a number', object({ a: marked('A', 'number') })], ['an object', object({ a: marked('A', 'object') })], ['no type', object({ a: { 'x-mcp-header': 'A' } })],
    ['one name twice', object({ a: marked('Same'), b: marked('SAME') })], ['behind items', object({ a: { type: 'array', items: object({ b: marked('B') }) } })],
    ['behind a composition', { ...object({ a: marked('A') }), anyOf: [object({ b: marked('B') })] }],
  ])('are none for %s', (_what, schema) => {
    expect(readParamMarks(schema)).toBeUndefined();
  });
});

describe('headers and arguments', () => {
  it.each([
    ['{"region":"us-west1","limit":42,"dry":false,"where":{"city":"Bonn"}}', [['mcp-param-region', 'us-west1'], ['mcp-param-limit', '42.0'], ['mcp-param-dry-run', 'false'], ['mcp-param-city', 'Bonn']]],
    ['{"region":" 世界 "}', [['mcp-param-region', encodeMirroredHeader(' 世界 ')]]],
    ['{"region":"\\u0061"}', [['mcp-param-region', 'a']]], ['{"region":null}', []], ['{}', [['mcp-param-unknown', 'x']]], ['{"region":""}', [['mcp-param-region', '']]],
  ] as const)('agree: %s', (args, headers) => {
    expect(mismatch(args, headers)).toBeUndefined();
  });
  it.each([
    ['{"region":"a"}', [], 'region'], ['{"region":"a"}', [['mcp-param-region', 'b']], 'region'], ['{}', [['mcp-param-region', 'a']], 'region'], ['{"region":null}', [['mcp-param-region', 'null']], 'region'],
    ['{"region":"a"}', [['mcp-param-region', 'a'], ['mcp-param-region', 'a']], 'region'], ['{"limit":42}', [['mcp-param-limit', '43']], 'limit'], ['{"limit":9007199254740993}', [['mcp-param-limit', '9007199254740992']], 'limit'],
    ['{"dry":true}', [['mcp-param-dry-run', 'True']], 'dry-run'], ['{"where":{"city":"a"}}', [], 'city'], ['{"region":"a"}', [['mcp-param-region', '=?base64?YR==?=']], 'region'], ['{"region":{}}', [['mcp-param-region', '{}']], 'region'],
    ['{"region":"42"}', [['mcp-param-region', '42.0']], 'region'], ['{"region":"7"}', [['mcp-param-region', '007']], 'region'], ['{"limit":7}', [['mcp-param-limit', '007']], 'limit'],
  ] as const)('contradict: %s with %j', (args, headers, name) => {
    expect(mismatch(args, headers)).toBe(`Mcp-Param-${name}`);
  });
  it('need not be there where no era demands them, but must be true', () => {
    expect([mismatch('{"region":"a"}', [], false), mismatch('{"region":"a"}', [['mcp-param-region', 'b']], false)]).toEqual([undefined, 'Mcp-Param-region']);
  });
  it('are made from the arguments alone', () => {
    const args = Buffer.from('{"limit":-7,"region":" x","dry":true,"where":{"city":null}}');
    const made = makeParamHeaders(MARKS, args, { from: 0, to: args.length });
    expect(made).toEqual({ 'mcp-param-region': '=?base64?IHg=?=', 'mcp-param-limit': '-7', 'mcp-param-dry-run': 'true' });
    expect(findParamMismatch(MARKS, Object.entries(made), args, { from: 0, to: args.length }, true)).toBeUndefined();
  });
  it('are compared with each object of the arguments listed once, however many marks it has', () => {
    const names = [...'abcdefghijklmnopqrstuvwxyz'];
    const values = Object.fromEntries(names.map((name) => [name, name])); // short: what is longer the addon walks, which counts no looks
    const args = Buffer.from(JSON.stringify({ inner: values, ...values }));
    const inner = args.indexOf('{', 1);
    /** How often the first byte of either object is looked at. */
    const looksFor = (count: number): [made: number, root: number, inner: number, mismatch: string | undefined] => {
      const some = names.slice(0, count);
      const marks = readParamMarks(object({ ...Object.fromEntries(some.map((name) => [name, marked(name)])), inner: object(Object.fromEntries(some.map((name) => [name, marked(`inner-${name}`)]))) })) ?? [];
      const looks = new Map<string | symbol, number>();
      const counted = new Proxy(args, {
        get(bytes, key): unknown {
          looks.set(key, (looks.get(key) ?? 0) + 1);
          return Reflect.get(bytes, key, bytes);
        },
      });
      const made = makeParamHeaders(marks, counted, { from: 0, to: args.length });
      const wrong = findParamMismatch(marks, Object.entries(made), counted, { from: 0, to: args.length }, true);
      return [Object.keys(made).length, looks.get('0') ?? 0, looks.get(String(inner)) ?? 0, wrong];
    };
    const [, root, within] = looksFor(1);
    expect(looksFor(26)).toEqual([52, root, within, undefined]);
  });
});
