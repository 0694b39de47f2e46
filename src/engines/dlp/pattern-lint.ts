// Refuses patterns on which Hyperscan (bytes) and RE2 (code points) would differ, or which cost too much (reference: the two-engine rules).

interface Taboo {
  readonly what: RegExp;
  readonly why: string;
}

const TABOOS: readonly Taboo[] = [
  { what: /[^\x20-\x7e]/, why: 'only printable ASCII: Hyperscan sees bytes, RE2 sees code points' },
  { what: /^\(\?[=!<]/, why: 'no look-around: RE2 has none' },
  { what: /^\(\?P?</, why: 'no named groups: the first group alone says what is reported' },
  { what: /^\\[1-9]/, why: 'no back-references: RE2 has none' },
  { what: /^\\[pPxuUcCQEzZAGXRkKDSWBHVN]/, why: 'this escape means something else in the other engine, or negates a class' },
  { what: /^[*+]/, why: 'bounded repetitions only: write {0,n} or {1,n}' },
  { what: /^\./, why: 'no dot: it is a byte to one engine and a code point to the other; write a class of ASCII characters' },
  { what: /^[$^]/, why: 'no anchors: the engines differ at line ends' },
];

const REPETITION = /^\{(\d+)(,?)(\d*)\}/;
/** RE2 refuses more. */
const REPEAT_MAX = 1000;
const PATTERN_LENGTH_MAX = 2000;

/** The reason why `source` can't be used, with the offset in it; undefined when it can. */
export function lintPattern(source: string): { readonly why: string; readonly offset: number } | undefined {
  if (source === '') return { why: 'empty', offset: 0 };
  if (source.length > PATTERN_LENGTH_MAX) return { why: `longer than ${PATTERN_LENGTH_MAX} characters`, offset: PATTERN_LENGTH_MAX };
  const foreign = source.search(/[^\x20-\x7e]/);
  if (foreign >= 0) return { why: TABOOS[0]?.why ?? '', offset: foreign };
  let afterClass = false;
  for (let at = 0; at < source.length; ) {
    const rest = source.slice(at);
    if (rest.startsWith('[^')) return { why: 'no negated class: it holds every non-ASCII byte or code point; list what is allowed', offset: at };
    if (rest.startsWith('[')) {
      const length = classLength(rest);
      if (length === 0) return { why: 'a class that does not end', offset: at };
      if (/\\[DSWpPxuU]|\[:/.test(rest.slice(1, length))) return { why: 'no negated, Unicode, hexadecimal or POSIX class in a class', offset: at };
      at += length;
      afterClass = true;
      continue;
    }
    const repetition = REPETITION.exec(rest);
    if (repetition !== null) {
      const fault = repetitionFault(repetition, afterClass);
      if (fault !== undefined) return { why: fault, offset: at };
      at += repetition[0].length;
      afterClass = false;
      continue;
    }
    const taboo = TABOOS.find((entry) => entry.what.test(rest.startsWith('\\') ? rest.slice(0, 2) : rest.slice(0, 4)) && entry !== TABOOS[0]);
    if (taboo !== undefined) return { why: taboo.why, offset: at };
    afterClass = rest.startsWith('\\d') || rest.startsWith('\\w') || rest.startsWith('\\s');
    at += rest.startsWith('\\') ? 2 : 1;
  }
  return undefined;
}

function classLength(rest: string): number {
  // A `]` right after the bracket is a literal one.
  for (let at = rest[1] === ']' ? 2 : 1; at < rest.length; at++) {
    if (rest[at] === '\\') at++;
    else if (rest[at] === ']') return at + 1;
  }
  return 0;
}

/** `{n,}` costs nothing after a class (one state that loops), but after a group it multiplies. */
function repetitionFault([, least, comma, most]: RegExpExecArray, afterClass: boolean): string | undefined {
  if (comma === ',' && most === '' && !afterClass) return 'an open repetition {n,} only directly after a class';
  if (Number(least) > REPEAT_MAX || Number(most) > REPEAT_MAX) return `repetitions of at most ${REPEAT_MAX}`;
  return undefined;
}
