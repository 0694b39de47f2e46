// Takes a pattern's text apart, as far as RE2 and Hyperscan could read it differently.

export type PatternToken =
  | { readonly kind: 'class'; readonly text: string }
  | { readonly kind: 'escape'; readonly text: string }
  | { readonly kind: 'repeat'; readonly text: string; readonly min: number; readonly max: number }
  | { readonly kind: 'group'; readonly text: string }
  | { readonly kind: 'dot' | 'caret' | 'dollar'; readonly text: string }
  | { readonly kind: 'literal'; readonly text: string };

const COUNTED = /^\{(\d+)(?:(,)(\d*))?\}/;
const GROUP = /^\((?:\?(?:P?<[A-Za-z_]\w*>|[A-Za-z]*(?:-[A-Za-z]+)?[:)]|[^)]?[^)]?))?/;
const ESCAPE = /^\\(?:x\{[^}]*\}|x[0-9A-Fa-f]{2}|[pP]\{[^}]*\}|[0-7]{1,3}|[^])/;

/** Length of the class at the start of `rest`, 0 if it does not end. */
function classLength(rest: string): number {
  let at = rest.startsWith('[^') ? 2 : 1;
  // A bracket in first place is a literal one.
  if (rest[at] === ']') at += 1;
  while (at < rest.length) {
    if (rest[at] === '\\') at += 2;
    else if (rest.startsWith('[:', at)) at = rest.indexOf(':]', at) < 0 ? rest.length : rest.indexOf(':]', at) + 2;
    else if (rest[at] === ']') return at + 1;
    else at += 1;
  }
  return 0;
}

function readRepeat(rest: string): PatternToken | undefined {
  const counted = COUNTED.exec(rest);
  let text = '';
  let min = 0;
  let max = Infinity;
  if (counted !== null) {
    text = counted[0];
    min = Number(counted[1]);
    if (counted[2] === undefined) max = min;
    else if (counted[3] !== '') max = Number(counted[3]);
  } else if (rest[0] === '*' || rest[0] === '+' || rest[0] === '?') {
    text = rest[0];
    min = text === '+' ? 1 : 0;
    max = text === '?' ? 1 : Infinity;
  } else {
    return undefined;
  }
  return { kind: 'repeat', text: rest[text.length] === '?' ? `${text}?` : text, min, max };
}

function readToken(rest: string): PatternToken {
  const first = rest[0] ?? '';
  switch (first) {
    case '[': {
      const length = classLength(rest);
      return { kind: 'class', text: length === 0 ? rest : rest.slice(0, length) };
    }
    case '\\': return { kind: 'escape', text: ESCAPE.exec(rest)?.[0] ?? first };
    case '(': return { kind: 'group', text: GROUP.exec(rest)?.[0] ?? first };
    case '.': return { kind: 'dot', text: first };
    case '^': return { kind: 'caret', text: first };
    case '$': return { kind: 'dollar', text: first };
    default: return readRepeat(rest) ?? { kind: 'literal', text: first };
  }
}

/** The tokens' texts together are `source`. */
export function tokenizePattern(source: string): PatternToken[] {
  const tokens: PatternToken[] = [];
  for (let at = 0; at < source.length; ) {
    const token = readToken(source.slice(at, at + 4096));
    tokens.push(token);
    at += token.text.length;
  }
  return tokens;
}
