// The matcher on RE2: keywords first, then only the patterns whose keyword is there. One large RE2.Set of the patterns takes seconds on 64 KiB of base64.
import { bufferOf, compileKeywordSet, compileRe2, type CompiledRe2, type Re2Set } from './re2-binding.js';
import type { Match, Matcher, Pattern } from './types.js';

/** Keywords per set: an RE2.Set's memory is fixed, and an automaton that outgrows it throws. */
const KEYWORDS_PER_SET = 250;
const KEYWORD = /^[\x20-\x7e]+$/;

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

/** Finds where one pattern matches; compiled at its first hit. */
export class Re2Finder {
  readonly #patterns = new Map<number, Pattern>();
  readonly #compiled = new Map<number, CompiledRe2>();
  readonly #keywordSets = new Map<number, Re2Set>();

  constructor(patterns: readonly Pattern[]) {
    for (const pattern of patterns) {
      if (this.#patterns.has(pattern.id)) throw new TypeError(`pattern id ${pattern.id} is used twice`);
      this.#patterns.set(pattern.id, pattern);
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
      const whole = found.indices[0] ?? [0, 0];
      const [from, to] = found.indices[1] ?? whole;
      matches.push({ from, to });
      // An empty match would be found for ever.
      if (whole[1] === whole[0]) re2.lastIndex = whole[1] + 1;
    }
    return matches;
  }

  /** Whether `bytes` holds one of the pattern's keywords; true for a pattern without. */
  hasKeyword(id: number, bytes: Uint8Array): boolean {
    const keywords = this.#patterns.get(id)?.keywords ?? [];
    if (keywords.length === 0) return true;
    let set = this.#keywordSets.get(id);
    if (set === undefined) this.#keywordSets.set(id, (set = compileKeywordSet(keywords)));
    return set.match(bufferOf(bytes)).length > 0;
  }

  #compiledOf(id: number): CompiledRe2 {
    const known = this.#compiled.get(id);
    if (known !== undefined) return known;
    const pattern = this.#patterns.get(id);
    if (pattern === undefined) throw new RangeError(`no pattern with id ${id}`);
    const compiled = compileRe2(pattern, 'gd');
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

  hits(bytes: Uint8Array): number[] {
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
