// What a case expects beside what came: members that it does not name may be anything; null is absent; `$…` says more.
//   {"$match": "regular expression"}   a named group keeps what it found: {{name}} is it from then on, and found again it must be the same
//   {"$keep": "name"}  any value, kept · {"$any": true}  any value · {"$lacks": "text"}  not in it, as JSON · {"$holds": "text"}  in it, as JSON
//   {"$least": 1}  a number · {"$has": [a, b]}  a list that has these, in this order · {"$length": 2}
import { filled } from './words.mjs';

/** @param {unknown} expected @param {unknown} actual @param {Map<string, unknown>} kept @param {string} [at] @returns {string[]} what differs; empty = nothing */
export function differences(expected, actual, kept, at = '') {
  if (expected === null) return actual === null || actual === undefined ? [] : [`${at} is there: ${shown(actual)}`];
  if (typeof expected === 'string') return same(filled(expected, kept), actual, at);
  if (typeof expected !== 'object') return same(expected, actual, at);
  if (Array.isArray(expected)) return listDifferences(expected, actual, kept, at);
  const [first = ''] = Object.keys(expected);
  if (first.startsWith('$')) return Object.entries(expected).flatMap(([rule, value]) => ruled(rule, value, actual, kept, at));
  if (typeof actual !== 'object' || actual === null) return [`${at} should have ${Object.keys(expected).join(', ')}, is ${shown(actual)}`];
  return Object.entries(expected).flatMap(([key, value]) => differences(value, actual[key], kept, at === '' ? key : `${at}.${key}`));
}

function listDifferences(expected, actual, kept, at) {
  if (!Array.isArray(actual)) return [`${at} should be a list, is ${shown(actual)}`];
  if (actual.length !== expected.length) return [`${at} should have ${expected.length}, has ${actual.length}: ${shown(actual)}`];
  return expected.flatMap((one, n) => differences(one, actual[n], kept, `${at}[${n}]`));
}

const RULES = {
  $match: (pattern, actual, kept) => {
    const found = typeof actual === 'string' ? new RegExp(String(filled(pattern, kept)), 's').exec(actual) : null;
    return found !== null && Object.entries(found.groups ?? {}).every(([name, value]) => keep(kept, name, value));
  },
  $keep: (name, actual, kept) => actual !== undefined && actual !== null && keep(kept, name, actual),
  $any: (_yes, actual) => actual !== undefined && actual !== null,
  $lacks: (words, actual, kept) => !(JSON.stringify(actual) ?? '').includes(JSON.stringify(filled(words, kept)).slice(1, -1)),
  $holds: (words, actual, kept) => (JSON.stringify(actual) ?? '').includes(JSON.stringify(filled(words, kept)).slice(1, -1)),
  $least: (number, actual) => typeof actual === 'number' && actual >= number,
  $length: (count, actual) => Array.isArray(actual) && actual.length === count,
  $has: (members, actual, kept) => {
    let at = 0;
    return Array.isArray(actual) && members.every((member) => {
      const found = actual.findIndex((one, n) => n >= at && differences(member, one, kept).length === 0);
      at = found + 1;
      return found >= 0;
    });
  },
};

function ruled(rule, value, actual, kept, at) {
  const holds = RULES[rule];
  if (holds === undefined) return [`${at}: there is no rule ${rule}`];
  return holds(value, actual, kept) ? [] : [`${at} should ${rule} ${shown(value)}, is ${shown(actual)}`];
}

function keep(kept, name, value) {
  if (kept.has(name)) return kept.get(name) === value;
  kept.set(name, value);
  return true;
}

function same(expected, actual, at) {
  return expected === actual ? [] : [`${at} should be ${shown(expected)}, is ${shown(actual)}`];
}

const SHOWN_CHARS = 300;
function shown(value) {
  const text = JSON.stringify(value) ?? 'absent';
  return text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS)}…` : text;
}
