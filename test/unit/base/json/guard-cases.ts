// What both JSON guards must say about chosen texts; run against each engine.
import { readdirSync, readFileSync, existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { FLAG, FLAGS, GUARD_OUT_LENGTH, KEYS, OFFSET, PARAMS_NAMES, SLOT } from '../../../../src/base/json/types.js';
import type { GuardLimits, GuardStatus, JsonGuard } from '../../../../src/base/json/types.js';

const LIMITS: GuardLimits = { depthMax: 64, keysMax: 20_000 };
const SUITE = fileURLToPath(new URL('../../../../../shared/data/json/test_parsing/', import.meta.url));

type Case = readonly [text: string | Uint8Array, status: GuardStatus, offset: number];

const bytesOf = (text: string | Uint8Array): Uint8Array => (typeof text === 'string' ? Buffer.from(text) : text);
const hex = (text: string): Uint8Array => Buffer.from(text.replaceAll(' ', ''), 'hex');

const CASES: readonly Case[] = [
  ['{}', 'ok', 0],
  [' \t\r\n{ "a" : [ 1 , { } , [ ] , "x" , true , false , null , -0.5e+10 ] } \n', 'ok', 0],
  ['', 'syntax', 0],
  ['   ', 'syntax', 3],
  ['{', 'syntax', 1],
  ['{"a"', 'syntax', 4],
  ['{"a":', 'syntax', 5],
  ['{"a":1', 'syntax', 6],
  ['{"a":1,', 'syntax', 7],
  ['{"a":1,}', 'syntax', 7],
  ['{"a":1]', 'syntax', 6],
  ['{"a":[1}', 'syntax', 7],
  ['{"a":[1,]}', 'syntax', 8],
  ['{a:1}', 'syntax', 1],
  ["{'a':1}", 'syntax', 1],
  ['{"a" 1}', 'syntax', 5],
  ['{"a"::1}', 'syntax', 5],
  ['{"a":1}x', 'syntax', 7],
  ['{"a":1}{}', 'syntax', 7],
  ['{}\0', 'syntax', 2],
  ['\0{}', 'syntax', 0],
  ['\ufeff{}', 'syntax', 0],
  ['{"a":\u00a01}', 'syntax', 5],
  ['{"a":tru}', 'syntax', 8],
  ['{"a":True}', 'syntax', 5],
  ['{"a":nulL}', 'syntax', 8],
  ['{"a":NaN}', 'syntax', 5],
  ['{"a":01}', 'syntax', 6],
  ['{"a":-}', 'syntax', 6],
  ['{"a":+1}', 'syntax', 5],
  ['{"a":.5}', 'syntax', 5],
  ['{"a":1.}', 'syntax', 7],
  ['{"a":1.e1}', 'syntax', 7],
  ['{"a":1e}', 'syntax', 7],
  ['{"a":1e+}', 'syntax', 8],
  ['{"a":0x1}', 'syntax', 6],
  ['{"a":-0}', 'ok', 0],
  ['{"a":1E-0}', 'ok', 0],
  ['{"a":"\t"}', 'syntax', 6],
  ['{"a":"\u007f"}', 'ok', 0],
  ['{"a":"\\x"}', 'syntax', 7],
  ['{"a":"\\u12g4"}', 'syntax', 10],
  ['{"a":"\\u12', 'syntax', 10],
  ['{"a":"\\', 'syntax', 7],
  ['{"a":"x', 'syntax', 7],
  ['{"a":"\\"}', 'syntax', 9],
  // UTF-8: Unicode table 3-7, each forbidden row
  [hex('7b2261223a22 c3a9 e282ac f09f9880 227d'), 'ok', 0],
  [hex('7b2261223a22 80 227d'), 'utf8', 6],
  [hex('7b2261223a22 c080 227d'), 'utf8', 6],
  [hex('7b2261223a22 c1bf 227d'), 'utf8', 6],
  [hex('7b2261223a22 e0809f 227d'), 'utf8', 6],
  [hex('7b2261223a22 eda080 227d'), 'utf8', 6],
  [hex('7b2261223a22 edbfbf 227d'), 'utf8', 6],
  [hex('7b2261223a22 f0808080 227d'), 'utf8', 6],
  [hex('7b2261223a22 f4908080 227d'), 'utf8', 6],
  [hex('7b2261223a22 f5808080 227d'), 'utf8', 6],
  [hex('7b2261223a22 ff 227d'), 'utf8', 6],
  [hex('7b2261223a22 e282'), 'utf8', 6],
  [hex('7b22 ff 223a317d'), 'utf8', 2],
  [hex('7b ff 7d'), 'syntax', 1],
  // duplicates, on decoded keys, at every depth
  ['{"a":1,"a":2}', 'duplicate_key', 7],
  ['{"method":1,"\\u006dethod":2}', 'duplicate_key', 12],
  ['{"\\u006dethod":1,"method":2}', 'duplicate_key', 17],
  ['{"\\n":1,"\\u000a":2}', 'duplicate_key', 8],
  ['{"\\/":1,"/":2}', 'duplicate_key', 8],
  ['{"\\ud83d\\ude00":1,"\u{1f600}":2}', 'duplicate_key', 18],
  ['{"":1,"":2}', 'duplicate_key', 6],
  ['{"a":[{"b":{"c":1,"d":2,"c":3}}]}', 'duplicate_key', 24],
  ['{"a":{"a":{"a":1}},"b":{"a":1}}', 'ok', 0],
  ['{"a":1,"A":2,"a ":3,"\\u0000":4,"\\u00001":5}', 'ok', 0],
  ['{"a":1,"a"', 'duplicate_key', 7],
  ['[{"a":1,"a":2}]', 'duplicate_key', 8],
  ['{"__proto__":1,"constructor":{"__proto__":[]}}', 'ok', 0],
  ['{"__proto__":1,"__proto__":2}', 'duplicate_key', 15],
  // lone surrogates, judged when their string ends
  ['{"a":"\\ud83d\\ude00"}', 'ok', 0],
  ['{"a":"\\uD83D\\uDE00\\uFFFF\\u0000"}', 'ok', 0],
  ['{"a":"\\ud83d"}', 'lone_surrogate', 6],
  ['{"a":"x\\ude00"}', 'lone_surrogate', 7],
  ['{"a":"\\ud83d\\ud83d\\ude00"}', 'lone_surrogate', 6],
  ['{"a":"\\ud83d\\u0041"}', 'lone_surrogate', 6],
  ['{"a":"\\ud83d\\n"}', 'lone_surrogate', 6],
  ['{"a":"\\ude00\\ud83d"}', 'lone_surrogate', 6],
  ['{"\\udfff":1}', 'lone_surrogate', 2],
  ['{"a":"\\ud83d\\u12"}', 'syntax', 16],
  ['{"a":"\\ud83d', 'syntax', 12],
  // the root
  ['[]', 'not_object', 0],
  ['[{"a":1}]', 'not_object', 0],
  ['"x"', 'not_object', 0],
  ['1', 'not_object', 0],
  [' null ', 'not_object', 0],
  ['[] x', 'syntax', 3],
  ['1 2', 'syntax', 2],
];

function check(guard: JsonGuard, text: string | Uint8Array, limits: GuardLimits = LIMITS): { status: GuardStatus; out: Uint32Array } {
  const out = new Uint32Array(GUARD_OUT_LENGTH).fill(7);
  return { status: guard.check(bytesOf(text), limits, out), out };
}

const nested = (depth: number): string => `{"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;
const keyed = (count: number, key: (index: number) => string): string => `{${Array.from({ length: count }, (_, index) => `${JSON.stringify(key(index))}:0`).join(',')}}`;

function describeSlots(guard: JsonGuard): void {
  const span = (text: string, slot: number): string => {
    const { status, out } = check(guard, text);
    expect(status).toBe('ok');
    return Buffer.from(text).toString('utf8', out[2 * slot], out[2 * slot + 1]);
  };

  it('finds every slot, whatever the space around', () => {
    const text = '{ "jsonrpc" : "2.0" ,"id":  1.0e0 ,"method":"tools/call", "result":[1],"error":null, "params" : { "name":"n\u00e9", "uri":"u:/","arguments":{"name":{"a":[]}},"cursor":"c","requestId":-7,"protocolVersion":"p","_meta": {"progressToken":"t","io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"a":1},"x":1} } }';
    expect(Object.fromEntries(Object.entries(SLOT).map(([name, slot]) => [name, span(text, slot)]))).toEqual({
      jsonrpc: '"2.0"', id: '1.0e0', method: '"tools/call"', result: '[1]', error: 'null',
      params: text.slice(text.indexOf('{ "name"'), -2),
      name: '"n\u00e9"', uri: '"u:/"', arguments: '{"name":{"a":[]}}', cursor: '"c"', requestId: '-7', protocolVersion: '"p"',
      meta: '{"progressToken":"t","io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"a":1},"x":1}',
      progressToken: '"t"', metaProtocolVersion: '"2026-07-28"', metaClientCapabilities: '{"a":1}',
    });
  });

  it('knows slot keys behind escapes', () => {
    expect(span('{"\\u006dethod":"m","p\\u0061rams":{"n\\u0061me":1,"\\u005fmeta":{"progress\\u0054oken":2}}}', SLOT.progressToken)).toBe('2');
    expect(span('{"\\u006dethod":"m"}', SLOT.method)).toBe('"m"');
  });

  it('sees slots only at their own place', () => {
    const text = '{"name":1,"arguments":2,"x":{"id":1,"params":{"name":1}},"result":{"_meta":{"progressToken":1},"name":2},"params":[{"name":1}],"_meta":{"progressToken":3}}';
    for (const slot of [SLOT.id, SLOT.name, SLOT.arguments, SLOT.meta, SLOT.progressToken]) expect(span(text, slot)).toBe('');
    expect(span('{"params":{"params":{"name":1},"_meta":{"_meta":{"progressToken":1},"name":1},"method":1}}', SLOT.name)).toBe('');
    expect(span('{"params":{"_meta":{"_meta":{"progressToken":1}}}}', SLOT.progressToken)).toBe('');
    expect(span('{"params":{"_meta":[{"progressToken":1}]}}', SLOT.progressToken)).toBe('');
  });

  it('keeps what was complete before a refusal, and nothing else', () => {
    const { status, out } = check(guard, '{"id":"x","params":{"name":"n","arguments":{"a":1,"a":2}}}');
    expect(status).toBe('duplicate_key');
    expect([...out.subarray(0, 2 * SLOT.arguments + 2)]).toEqual([0, 0, 6, 9, 0, 0, 0, 0, 0, 0, 0, 0, 27, 30, 0, 0, 0, 0]);
  });

  it('forgets the last message', () => {
    expect(check(guard, '{"id":1,"method":"m"}').status).toBe('ok');
    const { out } = check(guard, '{"x":1}');
    expect([...out.subarray(0, FLAGS)]).toEqual(new Array(FLAGS).fill(0));
  });
}

const PLACES: readonly (readonly [place: string, before: string, after: string, names: readonly string[]])[] = [
  ['the root', '{', '}', ['jsonrpc', 'id', 'method', 'params', 'result', 'error']],
  ['params', '{"params":{', '}}', ['name', 'uri', 'arguments', '_meta', 'protocolVersion', 'requestId', 'cursor', ...PARAMS_NAMES]],
  ['_meta', '{"params":{"_meta":{', '}}}', ['io.modelcontextprotocol/protocolVersion', 'io.modelcontextprotocol/clientCapabilities', 'progressToken']],
];
const FOLDS: Readonly<Record<string, readonly string[]>> = { i: ['I', '\u0130', '\u0131'], s: ['S', '\u017f'], k: ['K', '\u212a'] };
const escapedKey = (name: string): string => [...name].map((sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');

/** Each letter in each other form, all at once, and cut at a NUL. */
function spellingsOf(name: string): string[] {
  const each = [...name].flatMap((letter, at) => {
    const low = letter.toLowerCase();
    const forms = [low, ...(FOLDS[low] ?? [low.toUpperCase()])].filter((form) => form !== letter);
    return forms.map((form) => name.slice(0, at) + form + name.slice(at + 1));
  });
  return [...new Set([...each, name.toUpperCase(), name.toLowerCase(), `${name}\0`, `${name}\0x`])].filter((spelling) => spelling !== name);
}

function describeSpellings(guard: JsonGuard): void {
  const key = (spelling: string): string => JSON.stringify(spelling).slice(1, -1);

  it.each(PLACES)('refuses every other spelling of every name in %s, raw and escaped, first and last', (_place, before, after, names) => {
    for (const name of names) {
      expect(spellingsOf(name).length).toBeGreaterThan(name.length / 2);
      for (const spelling of spellingsOf(name)) {
        for (const written of [key(spelling), escapedKey(spelling)]) {
          for (const lead of ['', '"other":0,', `"${name}":0,`]) {
            const { status, out } = check(guard, `${before}${lead}"${written}":{}${after}`);
            expect({ written, status, offset: out[OFFSET] }).toEqual({ written, status: 'ambiguous_key', offset: before.length + lead.length });
          }
          expect(check(guard, `${before}"${written}":{},"${name}":0${after}`).status).toBe('ambiguous_key');
        }
      }
    }
  });

  it.each(PLACES)('lets the names of %s themselves pass, and what is only near', (_place, before, after, names) => {
    for (const name of names) {
      for (const written of [name, escapedKey(name)]) expect(check(guard, `${before}"${written}":0${after}`).status).toBe('ok');
      for (const near of [`${name}s`, `x${name}`, name.slice(0, -1), ` ${name}`, `${name} `, `${name}\u0130`, `\u0430${name.slice(1)}`, `\0${name}`, `${name.slice(0, -1)}\u00e9`, `${name.slice(0, -1)}\u212b`, `${name.slice(0, -1)}\uff4e`]) {
        expect({ near, status: check(guard, `${before}"${key(near)}":0${after}`).status }).toEqual({ near, status: 'ok' });
      }
    }
  });

  it('leaves the names of everything else alone: arguments, results, a place\'s names at another place', () => {
    for (const text of [
      '{"params":{"name":"t","arguments":{"Name":1,"name":2,"Arguments":{"METHOD":3},"_Meta":{"ProgressToken":1}}}}', '{"result":{"Name":1,"Error":2,"_meta":{"ProgressToken":3}},"id":1}', '{"error":{"Message":"m","Id":1}}',
      '{"Name":1,"Uri":2,"Cursor":3,"ProgressToken":4}', '{"params":{"Method":1,"Id":2,"Result":3,"_meta":{"Name":4,"Params":5}}}', '{"params":[{"Name":1}],"x":{"Params":1}}', '{"params":{"_meta":[{"ProgressToken":1}]}}',
    ]) expect({ text, status: check(guard, text).status }).toEqual({ text, status: 'ok' });
  });

  it('judges a key\'s surrogates, then its twin, then its spelling', () => {
    for (const [text, status] of [['{"Id\\ud800":1}', 'lone_surrogate'], ['{"a":1,"a":2,"Id":3}', 'duplicate_key'], ['{"Id":1,"Id":2}', 'ambiguous_key'], ['{"Id"', 'ambiguous_key'], ['{"Id', 'syntax']]) expect({ text, status: check(guard, text ?? '').status }).toEqual({ text, status });
    expect(check(guard, '{"Id":1,"params":{"Name":2}}', { ...LIMITS, tokenizerOnly: true }).status).toBe('ok');
  });
}

function describeLimits(guard: JsonGuard): void {
  it('refuses the bracket that passes the depth', () => {
    expect(check(guard, nested(64)).status).toBe('ok');
    const { status, out } = check(guard, nested(65));
    expect([status, out[OFFSET]]).toEqual(['depth', 5 + 63]);
    expect(check(guard, '{}', { depthMax: 0, keysMax: 1 }).status).toBe('depth');
  });

  it('survives a million opening brackets of either kind', () => {
    for (const text of ['['.repeat(1_000_000), '[{"":'.repeat(200_000), '{"a":'.repeat(200_000)]) {
      expect(check(guard, text).status).toBe('depth');
      expect(check(guard, text, { depthMax: 4_000_000, keysMax: 4_000_000 }).status).toBe('syntax');
    }
  });

  it('counts the keys of all objects together', () => {
    const text = '{"a":{"b":1},"c":[{"d":{}}]}';
    expect(check(guard, text, { depthMax: 9, keysMax: 4 }).out[KEYS]).toBe(4);
    const { status, out } = check(guard, text, { depthMax: 9, keysMax: 3 });
    expect([status, out[OFFSET], out[KEYS]]).toEqual(['keys', text.indexOf('"d"'), 4]);
  });

  it('finds the one duplicate among 100,000 keys, and none where there is none', () => {
    const limits = { depthMax: 9, keysMax: 1_000_000 };
    const count = 100_000;
    expect(check(guard, keyed(count, (index) => `k${index}`), limits).status).toBe('ok');
    expect(check(guard, keyed(count, (index) => (index === count - 1 ? 'k17' : `k${index}`)), limits).status).toBe('duplicate_key');
    expect(check(guard, keyed(count, (index) => `${'p'.repeat(64)}${index}`), limits).status).toBe('ok');
  });

  it('finds duplicates on both sides of where an object becomes large, nested objects between them', () => {
    for (let count = 2; count < 40; count += 1) {
      for (let twin = 0; twin < count - 1; twin += 5) {
        const members = Array.from({ length: count }, (_, index) => `"k${index === count - 1 ? twin : index}":{"k${twin}":${keyed(index, (inner) => `k${inner}`)}}`);
        expect(check(guard, `{${members.join(',')}}`).status).toBe('duplicate_key');
        expect(check(guard, `{${members.slice(0, -1).join(',')}}`).status).toBe('ok');
      }
    }
  });
}

function describeSuite(guard: JsonGuard): void {
  const files = existsSync(SUITE) ? readdirSync(SUITE) : [];
  const generous: GuardLimits = { depthMax: 1024, keysMax: 1_000_000, tokenizerOnly: true };

  it.skipIf(files.length === 0)('accepts all 95 y_ texts of JSONTestSuite as a tokenizer', () => {
    const accepted = files.filter((name) => name.startsWith('y_'));
    expect(accepted).toHaveLength(95);
    expect(accepted.filter((name) => check(guard, readFileSync(SUITE + name), generous).status !== 'ok')).toEqual([]);
  });

  it.skipIf(files.length === 0)('refuses all 188 n_ texts of JSONTestSuite, two of them for their depth', () => {
    const refused = files.filter((name) => name.startsWith('n_'));
    expect(refused).toHaveLength(188);
    const wrong = refused.filter((name) => !['syntax', 'utf8'].includes(check(guard, readFileSync(SUITE + name)).status));
    expect(wrong).toEqual(['n_structure_100000_opening_arrays.json', 'n_structure_open_array_object.json']);
    expect(wrong.map((name) => check(guard, readFileSync(SUITE + name)).status)).toEqual(['depth', 'depth']);
    const asText = { ...generous, depthMax: 1_000_000 };
    expect(refused.filter((name) => !['syntax', 'utf8'].includes(check(guard, readFileSync(SUITE + name), asText).status))).toEqual([]);
  });
}

export function describeGuard(guard: JsonGuard): void {
  describe(`the ${guard.engine} JSON guard`, () => {
    it.each(CASES)('judges %j as %s at %d', (text, expected, offset) => {
      const { status, out } = check(guard, text);
      expect([status, out[OFFSET]]).toEqual([expected, offset]);
    });

    it('flags escapes and the kind of the root', () => {
      expect(check(guard, '{"a":"b"}').out[FLAGS]).toBe(0);
      expect(check(guard, '{"a":"\\n"}').out[FLAGS]).toBe(FLAG.escapes);
      expect(check(guard, '{"\\t":1}').out[FLAGS]).toBe(FLAG.escapes);
      expect(check(guard, '["\\n"]').out[FLAGS]).toBe(FLAG.escapes | FLAG.rootArray);
      expect(check(guard, '1').out[FLAGS]).toBe(FLAG.rootScalar);
    });

    it('finds what is wrong at every place of a long string', () => {
      for (let at = 0; at < 200; at += 1) {
        const text = Buffer.from(`{"a":"${'x'.repeat(200)}"}`);
        for (const [byte, status] of [[0x1f, 'syntax'], [0xff, 'utf8'], [0x00, 'syntax'], [0x80, 'utf8']] as const) {
          text[6 + at] = byte;
          const { status: said, out } = check(guard, text);
          expect([said, out[OFFSET]]).toEqual([status, 6 + at]);
        }
      }
    });

    it('throws on an out array that is too short', () => {
      expect(() => guard.check(Buffer.from('{}'), LIMITS, new Uint32Array(GUARD_OUT_LENGTH - 1))).toThrow();
    });

    it.each([NaN, -1, 1.5, 2 ** 32, Infinity])('throws on %d as a limit instead of reading it as none', (limit) => {
      const out = new Uint32Array(GUARD_OUT_LENGTH);
      expect(() => guard.check(Buffer.from('{}'), { depthMax: limit, keysMax: 9 }, out)).toThrow(TypeError);
      expect(() => guard.check(Buffer.from('{}'), { depthMax: 9, keysMax: limit }, out)).toThrow(TypeError);
    });

    describeSlots(guard);
    describeSpellings(guard);
    describeLimits(guard);
    describeSuite(guard);
  });
}
