// The matcher on RE2: keywords first, then only the patterns whose keyword is there. One large RE2.Set of the patterns takes seconds on 64 KiB of base64.
import { tokenizePattern } from './pattern-syntax.js';
import { bufferOf, compileKeywordSet, compileRe2, type CompiledRe2, type Re2Set } from './re2-binding.js';
import type { Match, Matcher, Pattern } from './types.js';

/** Keywords per set: an RE2.Set's memory is fixed, and an automaton that outgrows it throws. */
const KEYWORDS_PER_SET = 250;
const KEYWORD = /^[\x20-\x7e]+$/;
/** Of a long text so much is looked at at once, so that its copy in lower case stays small. */
const LOWERED_BYTES = 64 * 1024;

interface KeywordGroup {
  readonly set: Re2Set;
  /** Per keyword: positions of the patterns that need it. */
  readonly patterns: readonly (readonly number[])[];
}

function groupKeywords(patterns: readonly Pattern[]): KeywordGroup[] {
  const byKeyword = new Map<string, number[]>();
  patterns.forEach((pattern, position) => {
    for (const keyword of pattern.keywords ?? []) {
      if (!KEYWORD.test(keyword)) throw new TypeError(`pattern ${pattern.id}: a keyword must be printable ASCII`);
      const needing = byKeyword.get(keyword.toLowerCase());
      if (needing === undefined) byKeyword.set(keyword.toLowerCase(), [position]);
      else needing.push(position);
    }
  });
  const entries = [...byKeyword];
  const groups: KeywordGroup[] = [];
  for (let at = 0; at < entries.length; at += KEYWORDS_PER_SET) {
    const some = entries.slice(at, at + KEYWORDS_PER_SET);
    groups.push({ set: compileKeywordSet(some.map(([keyword]) => keyword)), patterns: some.map(([, needing]) => needing) });
  }
  return groups;
}

function hasGroup(source: string): boolean {
  return tokenizePattern(source).some(({ kind, text }) => kind === 'group' && (text === '(' || /^\(\?P?</.test(text)));
}

/** Finds where one pattern matches; compiled at its first hit. */
export class Re2Finder {
  readonly #patterns = new Map<number, Pattern>();
  readonly #compiled = new Map<number, CompiledRe2>();
  readonly #lowerKeywords = new Map<number, readonly string[]>();

  constructor(patterns: readonly Pattern[]) {
    for (const pattern of patterns) {
      if (this.#patterns.has(pattern.id)) throw new TypeError(`pattern id ${pattern.id} is used twice`);
      this.#patterns.set(pattern.id, pattern);
      this.#lowerKeywords.set(pattern.id, (pattern.keywords ?? []).map((keyword) => keyword.toLowerCase()));
    }
  }

  find(id: number, bytes: Uint8Array, max: number): Match[] {
    const re2 = this.#compiledOf(id);
    const buffer = bufferOf(bytes);
    const matches: Match[] = [];
    re2.lastIndex = 0;
    while (matches.length < max && re2.lastIndex <= buffer.length) {
      const found = re2.exec(buffer);
      if (found === null) break;
      const whole = [found.index, found.index + found[0].length] as const;
      const [from, to] = found.indices?.[1] ?? whole;
      matches.push({ from, to });
      // An empty match would be found for ever.
      if (whole[1] === whole[0]) re2.lastIndex = whole[1] + 1;
    }
    return matches;
  }

  /** Whether `bytes` holds one of the pattern's keywords in ASCII; true for a pattern without. */
  hasKeyword(id: number, bytes: Uint8Array): boolean {
    const keywords = this.#lowerKeywords.get(id) ?? [];
    if (keywords.length === 0) return true;
    const buffer = bufferOf(bytes);
    const longest = keywords.reduce((length, keyword) => Math.max(length, keyword.length), 0);
    for (let from = 0; from < buffer.length; from += LOWERED_BYTES) {
      const text = buffer.toString('latin1', from, from + LOWERED_BYTES + longest - 1).toLowerCase();
      if (keywords.some((keyword) => text.includes(keyword))) return true;
    }
    return false;
  }

  #compiledOf(id: number): CompiledRe2 {
    const known = this.#compiled.get(id);
    if (known !== undefined) return known;
    const pattern = this.#patterns.get(id);
    if (pattern === undefined) throw new RangeError(`no pattern with id ${id}`);
    const compiled = compileRe2(pattern, hasGroup(pattern.source) ? 'gd' : 'g');
    this.#compiled.set(id, compiled);
    return compiled;
  }
}

export class Re2Matcher implements Matcher {
  readonly engine = 're2';
  readonly because: string;
  readonly #ids: readonly number[];
  readonly #tests: readonly CompiledRe2[];
  readonly #groups: readonly KeywordGroup[];
  readonly #always: readonly number[];
  readonly #finder: Re2Finder;
  #closed = false;

  /** Throws SyntaxError on a pattern RE2 refuses. */
  constructor(patterns: readonly Pattern[], because: string) {
    const sorted = [...patterns].sort((a, b) => a.id - b.id);
    this.because = because;
    this.#finder = new Re2Finder(sorted);
    this.#ids = sorted.map((pattern) => pattern.id);
    this.#tests = sorted.map((pattern) => compileRe2(pattern, ''));
    this.#groups = groupKeywords(sorted);
    this.#always = sorted.flatMap((pattern, position) => ((pattern.keywords ?? []).length === 0 ? [position] : []));
  }

  candidates(bytes: Uint8Array): number[] {
    if (this.#closed) throw new Error('the matcher is closed');
    const buffer = bufferOf(bytes);
    const candidates = new Set(this.#always);
    for (const group of this.#groups) {
      for (const keyword of group.set.match(buffer)) {
        for (const position of group.patterns[keyword] ?? []) candidates.add(position);
      }
    }
    const hits: number[] = [];
    for (const position of [...candidates].sort((a, b) => a - b)) {
      const id = this.#ids[position];
      if (id !== undefined && this.#tests[position]?.test(buffer) === true) hits.push(id);
    }
    return hits;
  }

  find(id: number, bytes: Uint8Array, max: number): Match[] {
    return this.#finder.find(id, bytes, max);
  }

  close(): void {
    this.#closed = true;
  }
}
