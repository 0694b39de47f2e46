// Generated texts on which the two JSON guards must agree: valid, mutated, truncated, random bytes, and pieces that are close to every rule.
import fc from 'fast-check';
import { GUARD_OUT_LENGTH } from '../../../../src/base/json/types.js';
import type { GuardLimits, JsonGuard } from '../../../../src/base/json/types.js';

const PIECES = [
  '{', '}', '[', ']', ',', ':', '"', '\\', ' ', '\n', '\t', '\r', '{"', '":', '","', '":{"', '"}', '[]', '{}', '\\u', '\\ud83d', '\\ude00', '\\ud83d\\ude00', '\\u0061', '\\n', '\\"',
  'true', 'false', 'null', 'tru', '0', '-', '1', '.', 'e', 'E', '+', '-0', '1.5e+3', '01', '"a"', '"a":1', '"id":', '"method":', '"params":{', '"_meta":{', '"name":', '"arguments":', '"progressToken":',
  '"io.modelcontextprotocol/protocolVersion":', '"jsonrpc":"2.0",', '"Method":', '"PARAMS":{', '"\u0131d":', '"_Meta":{', '"name\\u0000":', '"\\u006dethod":', 'abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz', '\u00e9', '\u20ac', '\u{1f600}', '\ufeff', '\0', '\u001f', '\u007f', '"__proto__":',
];
const BAD_UTF8 = ['80', 'c080', 'c2', 'e0809f', 'eda080', 'f4908080', 'ff', 'e282', 'f09f98'].map((hex) => Buffer.from(hex, 'hex'));

const piece = fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...PIECES).map((text) => Buffer.from(text)) }, { weight: 1, arbitrary: fc.constantFrom(...BAD_UTF8) });
const soup = fc.array(piece, { maxLength: 30 }).map((pieces) => Buffer.concat(pieces));

const key = fc.oneof(fc.constantFrom('id', 'method', 'params', '_meta', 'name', 'uri', 'arguments', 'cursor', 'progressToken', 'requestId', 'Id', 'MeThod', 'Param\u017f', '_Meta', 'Name', 'ur\u0130', 'Argument\u017f', 'progressTo\u212aen', 'name\0', 'LEVEL', 'Ref', 'taskID', 'a', 'b', '', '__proto__'), fc.string({ maxLength: 20 }));
/** An object whose keys may repeat and may be written with escapes. */
const { object } = fc.letrec<{ value: string; object: string }>((tie) => ({
  value: fc.oneof({ depthSize: 'small', withCrossShrink: true }, fc.constantFrom('1', 'null', '"x"', '-1.5e3', '"\\ud83d\\ude00"', '"\\ud83d"', '"\u00e9"', '[]'), fc.json({ maxDepth: 2 }), tie('object'), fc.array(tie('value'), { maxLength: 4 }).map((values) => `[${values.join(', ')}]`)),
  object: fc.array(fc.tuple(key, fc.boolean(), tie('value')), { maxLength: 24 }).map((members) => `{${members.map(([name, escaped, value]) => `${writeKey(name, escaped)}:${value}`).join(',')}}`),
}));

function writeKey(name: string, escaped: boolean): string {
  if (!escaped) return JSON.stringify(name);
  return `"${[...Array(name.length).keys()].map((index) => `\\u${name.charCodeAt(index).toString(16).padStart(4, '0')}`).join('')}"`;
}

const whole = fc.oneof(object, fc.json({ maxDepth: 4 })).map((text) => Buffer.from(text));
const rpc = fc.tuple(key, object, object).map(([method, params, meta]) => Buffer.from(`{"jsonrpc":"2.0","id":1,"method":${JSON.stringify(method)},"params":{"_meta":${meta},"arguments":${params}}}`));

/** One byte changed, removed, doubled or put in, or the end cut off. */
const mutated = fc.tuple(fc.oneof(whole, rpc), fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }), fc.nat(4)), { minLength: 1, maxLength: 3 })).map(([text, edits]) => {
  let bytes: Buffer = Buffer.from(text);
  for (const [where, byte, kind] of edits) {
    const at = where % (bytes.length + 1);
    if (kind === 0) bytes[at] = byte;
    else if (kind === 1) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
    else if (kind === 2) bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from([byte]), bytes.subarray(at)]);
    else if (kind === 3) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.max(0, at - 7), at), bytes.subarray(at)]);
    else bytes = bytes.subarray(0, at);
  }
  return bytes;
});
const random = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes));
/** Long plain strings with one odd byte: the vector code's blocks and their remainders. */
const long = fc.tuple(fc.nat(120), fc.integer({ min: 0, max: 255 }), fc.nat(120)).map(([before, byte, after]) => Buffer.concat([Buffer.from(`{"${'k'.repeat(before)}`), Buffer.from([byte]), Buffer.from(`${'v'.repeat(after)}":"${'w'.repeat(after)}"}`)]));

export const hostileText: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 3, arbitrary: soup }, { weight: 2, arbitrary: whole }, { weight: 2, arbitrary: rpc }, { weight: 4, arbitrary: mutated }, { weight: 1, arbitrary: random }, { weight: 1, arbitrary: long },
);

const nativeOut = new Uint32Array(GUARD_OUT_LENGTH + 2);
const twinOut = new Uint32Array(GUARD_OUT_LENGTH + 2);

/** Empty when both say the same about `text`. */
export function twinDifference(native: JsonGuard, twin: JsonGuard, text: Uint8Array, limits: GuardLimits): string {
  // The text sits inside a larger buffer of quotes, so that reading past either end shows.
  const around = Buffer.alloc(text.length + 64, '"');
  around.set(text, 32);
  const view = around.subarray(32, 32 + text.length);
  nativeOut.fill(9);
  twinOut.fill(9);
  const left = `${native.check(view, limits, nativeOut)} ${nativeOut.join()}`;
  const right = `${twin.check(view, limits, twinOut)} ${twinOut.join()}`;
  return left === right ? '' : `${JSON.stringify(view.toString('latin1'))}\n${left}\n${right}`;
}
