// The walkers over validated bytes.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeString, elementSpans, forEachString, memberSpans, skipValue } from '../../../../src/base/json/spans.js';

const cut = (bytes: Uint8Array, span: { from: number; to: number }): string => Buffer.from(bytes).toString('utf8', span.from, span.to);

function visits(text: string): string[] {
  const bytes = Buffer.from(text);
  const seen: string[] = [];
  forEachString(bytes, 0, bytes.length, (path, from, to, isKey) => seen.push(`${path()} ${isKey ? 'key ' : ''}${decodeString(bytes, from, to)}`));
  return seen;
}

describe('memberSpans and elementSpans', () => {
  it('give the members of an object in order, keys decoded', () => {
    const bytes = Buffer.from('x{ "a\\u0062" : {"c":"}"} , "\u00e9":[1,"]"],"__proto__": null , "":-1.5e3 }x');
    const members = memberSpans(bytes, 1, bytes.length - 1);
    expect(members.map((member) => [member.key, cut(bytes, member)])).toEqual([['ab', '{"c":"}"}'], ['\u00e9', '[1,"]"]'], ['__proto__', 'null'], ['', '-1.5e3']]);
    expect(cut(bytes, { from: members[0]?.keyFrom ?? 0, to: members[0]?.keyTo ?? 0 })).toBe('"a\\u0062"');
  });

  it('give the elements of an array', () => {
    const bytes = Buffer.from('[ 1 , "a,]" , [2,[3]] ,{"k":[]} , true ]"');
    expect(elementSpans(bytes, 0, bytes.length - 1).map((span) => cut(bytes, span))).toEqual(['1', '"a,]"', '[2,[3]]', '{"k":[]}', 'true']);
    expect(elementSpans(bytes, 0, bytes.length - 1, 2).map((span) => cut(bytes, span))).toEqual(['1', '"a,]"']);
  });

  it('are empty for empty containers and for other kinds of values', () => {
    for (const text of ['{}', '{ }', '[]', '[ ]', '"{"', '1', 'null', '']) {
      const bytes = Buffer.from(`${text}"`);
      expect(memberSpans(bytes, 0, text.length)).toEqual([]);
      expect(elementSpans(bytes, 0, text.length)).toEqual([]);
    }
  });

  it('agree with JSON.parse on any value', () => {
    fc.assert(fc.property(fc.json({ maxDepth: 5 }), fc.constantFrom(undefined, 1), (text, indent) => {
      const value: unknown = JSON.parse(text);
      const bytes = Buffer.from(JSON.stringify(value, undefined, indent));
      expect(skipValue(bytes, 0)).toBe(bytes.length);
      if (typeof value !== 'object' || value === null) return;
      const members = Array.isArray(value) ? elementSpans(bytes, 0, bytes.length) : memberSpans(bytes, 0, bytes.length);
      expect(members.map((span) => JSON.parse(cut(bytes, span)) as unknown)).toEqual(Object.values(value));
    }), { numRuns: 300 });
  });

  it('work on a view into a larger buffer', () => {
    const whole = Buffer.from('....{"a":"b"}....');
    const view = new Uint8Array(whole.buffer, whole.byteOffset + 4, 9);
    expect(memberSpans(view, 0, view.length)).toEqual([{ key: 'a', keyFrom: 1, keyTo: 4, from: 5, to: 8 }]);
    expect(decodeString(view, 5, 8)).toBe('b');
  });
});

describe('forEachString', () => {
  it('visits keys and values with their paths', () => {
    expect(visits('{"params":{"arguments":{"a":["x",{"b c":"y"},[["z"]]],"n":1}},"q":"w"}')).toEqual([
      '$ key params', '$.params key arguments', '$.params.arguments key a', '$.params.arguments.a[0] x',
      '$.params.arguments.a[1] key b c', '$.params.arguments.a[1]["b c"] y', '$.params.arguments.a[2][0][0] z',
      '$.params.arguments key n', '$ key q', '$.q w',
    ]);
  });

  it('counts elements of every kind', () => {
    expect(visits('[1,{},[],{"a":[null,"p"]},"q","r"]')).toEqual(['$[3] key a', '$[3].a[1] p', '$[4] q', '$[5] r']);
  });

  it('keeps what looks like structure inside strings apart', () => {
    expect(visits('{"a,:{":"]}\\",","b":"\\\\"}')).toEqual(['$ key a,:{', '$["a,:{"] ]}",', '$ key b', '$.b \\']);
  });

  it('cuts a long key in a path', () => {
    expect(visits(`{"${'k'.repeat(300)}":"v"}`)[1]?.length).toBeLessThan(80);
  });

  it('visits a lone string and nothing outside its range', () => {
    expect(visits('"only"')).toEqual(['$ only']);
    const bytes = Buffer.from('{"a":"in","b":"out"}');
    const seen: string[] = [];
    forEachString(bytes, 5, 9, (path, from, to) => seen.push(`${path()} ${decodeString(bytes, from, to)}`), '$.a');
    expect(seen).toEqual(['$.a in']);
  });

  it('finds every string JSON.parse finds, at a path that leads to it', () => {
    fc.assert(fc.property(fc.json({ maxDepth: 4 }), (text) => {
      const found: unknown[] = [];
      const walk = (value: unknown): void => {
        if (typeof value === 'string') found.push(value);
        else if (typeof value === 'object' && value !== null) {
          for (const [key, member] of Object.entries(value)) {
            if (!Array.isArray(value)) found.push(key);
            walk(member);
          }
        }
      };
      const value: unknown = JSON.parse(text);
      walk(value);
      const bytes = Buffer.from(JSON.stringify(value));
      const seen: unknown[] = [];
      forEachString(bytes, 0, bytes.length, (_path, from, to) => seen.push(decodeString(bytes, from, to)));
      expect(seen).toEqual(found);
    }), { numRuns: 300 });
  });

  it('ends on bytes nobody validated', () => {
    for (const text of ['{"a', '[[[[', '}}}}', '"', '\\', '{"a":\0', '[,,,']) {
      const bytes = Buffer.from(text);
      forEachString(bytes, 0, bytes.length, () => undefined);
      expect(skipValue(bytes, 0)).toBeLessThanOrEqual(bytes.length + 1);
      expect(memberSpans(bytes, 0, bytes.length).length + elementSpans(bytes, 0, bytes.length).length).toBeLessThan(5);
    }
  });
});
