// JSON as few write it and every parser must read it: odd numbers, escapes, blanks and orders, without a key given twice. Texts, because a value has no spelling.
import fc from 'fast-check';

const blank = fc.oneof({ weight: 6, arbitrary: fc.constant('') }, fc.constantFrom(' ', '\t', '\n', '\r\n', '  \n '));
const NUMBERS = ['0', '-0', '1.0', '1E+2', '1e-7', '-1.50', '9007199254740993', '-9007199254740993', '1e400', '-1E400', '1e-400', '123456789012345678901234567890.10', '0.1000000000000000055511151231257827', '4.9e-324'];
const number = fc.oneof(fc.constantFrom(...NUMBERS), fc.integer().map(String), fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => String(value)));

/** Parts of a string, each a whole sign in one of its spellings. */
const SIGNS = ['a', 'Z', '7', ' ', '/', '\\/', '\\u0041', '\\u00e9', 'é', '漢', '\\u6f22', '😀', '\\ud83d\\ude00', '\\uD83D\\uDE00', '\\"', '\\\\', '\\b', '\\f', '\\n', '\\r', '\\t', '\\u0000', '\\u001f', '\u007f', '\u2028', '\\u2029', '\ufeff', '\ufffd', '}', ']', ',', ':', '{\\"', 'data: '];
const signs = fc.array(fc.constantFrom(...SIGNS), { maxLength: 8 }).map((parts) => parts.join(''));
const string = signs.map((inner) => `"${inner}"`);

/** Names that parsers which keep objects in a table put into another order, or treat as their own. */
const KEYS = ['2', '1', '10', '-1', '__proto__', 'constructor', 'toString', 'length', ''];

interface Pair {
  readonly key: string;
  readonly value: string;
}

function objectText(pairs: readonly Pair[], blanks: readonly string[]): string {
  const at = (n: number): string => blanks[n % Math.max(1, blanks.length)] ?? '';
  return `{${at(0)}${pairs.map(({ key, value }, n) => `"${key}"${at(n + 1)}:${at(n + 2)}${value}`).join(`${at(3)},${at(4)}`)}${at(5)}}`;
}

const blanks = fc.array(blank, { minLength: 7, maxLength: 7 });

const { value: anyValue, object: anyObject } = fc.letrec<{ value: string; object: string; array: string }>((tie) => ({
  value: fc.oneof({ depthSize: 'small', withCrossShrink: true }, fc.oneof(number, string, fc.constantFrom('true', 'false', 'null')), tie('object'), tie('array')),
  // A number behind each name keeps it from being another one's, whatever the escapes before it say.
  object: fc.tuple(fc.array(fc.tuple(fc.oneof(fc.constantFrom(...KEYS), signs.map((text) => `${text}~`)), tie('value')), { maxLength: 5 }), blanks).map(([pairs, gaps]) => {
    const seen = new Set<string>();
    return objectText(pairs.map(([key, value], n) => {
      const name = seen.has(key) || key.endsWith('~') ? `${key}~${n}` : key;
      seen.add(key);
      return { key: name, value };
    }), gaps);
  }),
  array: fc.tuple(fc.array(tie('value'), { maxLength: 4 }), blanks).map(([values, gaps]) => `[${gaps[0] ?? ''}${values.join(`${gaps[1] ?? ''},${gaps[2] ?? ''}`)}${gaps[3] ?? ''}]`),
}));

export const oddValue: fc.Arbitrary<string> = anyValue;
export const oddObject: fc.Arbitrary<string> = anyObject;
export const oddString: fc.Arbitrary<string> = string;

/** Ids that MCP allows: strings and plain integers, in every spelling. */
export const oddId: fc.Arbitrary<string> = fc.oneof(string, fc.constantFrom('0', '-0', '1', '-7', '9007199254740993', '123456789012345678901234567890'), fc.integer().map(String));

/** An object of these members, in any order and with any blanks. */
export function shuffled(pairs: readonly Pair[]): fc.Arbitrary<string> {
  return fc.tuple(fc.shuffledSubarray([...pairs], { minLength: pairs.length }), blanks).map(([order, gaps]) => objectText(order, gaps));
}

/** As deep as `depth` says. */
export function nested(depth: number): string {
  return `${'[{"d":'.repeat(Math.floor(depth / 2))}1${'}]'.repeat(Math.floor(depth / 2))}`;
}
