// Long values end where they end, natively and in TypeScript, wherever the walk is taken up.
import { describe, expect, it } from 'vitest';
import { JSON_GUARD_CONTRACT } from '../../../../src/base/json/native-guard.js';
import { skipRest, walkRest, type SkipRest } from '../../../../src/base/json/skip-rest.js';
import { elementSpans, memberSpans, skipString, skipValue } from '../../../../src/base/json/spans.js';
import { loadAddon } from '../../../../src/base/native/load-addon.js';

const native = loadAddon<{ readonly skip: SkipRest }>('json_guard', JSON_GUARD_CONTRACT)?.skip;
const LONG = 5000;
const long = (unit: string): string => unit.repeat(Math.ceil(LONG / unit.length));
const values: readonly unknown[] = [
  long('plain words '), long('"'), long('\\'), long('\\"'), long('{"a":['), long('é\u2028😀'), long('\n\t\0'), `${long('x')}\\`, `${long('x')}"`, Array.from({ length: LONG }, (_, n) => n),
  Array.from({ length: LONG / 10 }, (_, n) => ({ [`k"${n}`]: [`}${'\\'.repeat(n % 5)}`, null, true, 1.5e3, []] })), Array.from({ length: 60 }).reduce((inner: unknown) => [inner, ']', { '{': '[' }], 'core'), [], {}, '', 7,
];

describe.each<[string, SkipRest | undefined]>([['in TypeScript', walkRest], ['natively', native], ['whichever is there', skipRest]])('the end of a value, %s', (_which, skip) => {
  it.skipIf(skip === undefined)('is found from every place in it', () => {
    for (const value of values) {
      const text = Buffer.from(JSON.stringify(value));
      const bytes = Buffer.concat([text, Buffer.from(',"more":["]"]}')]);
      let depth = 0;
      let inString = false;
      for (let at = 0; at < text.length; at += 1) {
        const byte = String.fromCharCode(text[at] ?? 0);
        if (depth > 0 || inString) {
          if (at < 3000 || at % 97 === 0) expect(skip?.(bytes, at, depth, inString)).toBe(text.length);
        }
        if (inString && byte === '\\') at += 1;
        else if (byte === '"') inString = !inString;
        else if (!inString && '[{'.includes(byte)) depth += 1;
        else if (!inString && ']}'.includes(byte)) depth -= 1;
      }
    }
  });

  it.skipIf(skip === undefined)('is the end of the bytes where they end too soon', () => {
    for (const [text, at, depth, inString, end] of [['[1,2', 1, 1, false, 4], ['["a', 3, 1, true, 4], ['"a\\"', 1, 0, true, 5], ['"a\\', 1, 0, true, 4], ['', 0, 1, false, 0], ['', 0, 0, true, 1]] as const) {
      expect([text, skip?.(Buffer.from(text), at, depth, inString)]).toEqual([text, end]);
    }
  });
});

it('the addon takes no arguments of another kind, and no place outside the bytes', () => {
  if (native === undefined) return;
  const bytes = Buffer.from('[1]');
  for (const args of [[], [bytes], ['[1]', 1, 1, false], [bytes, -1, 1, false], [bytes, 1, 1, 0], [bytes, 4, 1, false], [bytes, 1, 0, false]]) expect(() => (native as (...all: unknown[]) => unknown)(...args)).toThrow();
});

it('members and elements are the same however long they are', () => {
  const bytes = Buffer.from(`{${values.map((value, n) => ` "${n}" : ${JSON.stringify(value)}`).join(' ,')} }`);
  expect(memberSpans(bytes, 0, bytes.length).map(({ key, from, to }) => [key, JSON.parse(bytes.toString('utf8', from, to))])).toEqual(values.map((value, n) => [String(n), value]));
  const list = Buffer.from(JSON.stringify(values));
  expect(elementSpans(list, 0, list.length).map(({ from, to }) => JSON.parse(list.toString('utf8', from, to)) as unknown)).toEqual(values);
  for (const value of values) {
    const text = Buffer.from(JSON.stringify(value));
    expect(skipValue(Buffer.concat([text, Buffer.from(' ]')]), 0)).toBe(text.length);
    if (typeof value === 'string') expect(skipString(text, 0)).toBe(text.length);
  }
});
