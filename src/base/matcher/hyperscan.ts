// The matcher on Hyperscan: one pass over the bytes says which patterns may match; RE2 says where they do, if they do, of those only.
import { refusedPattern, type HyperscanAddon, type HyperscanDatabase } from './hyperscan-binding.js';
import { Re2Finder, Re2Matcher } from './re2.js';
import { openSealed, seal, type SealKey } from './sealed.js';
import { FOLDING_SIGNS, translateForHyperscan, type HyperscanPattern } from './translate.js';
import type { Match, Pattern, ShareableMatcher } from './types.js';

interface Entry {
  readonly pattern: Pattern;
  readonly translated: HyperscanPattern;
}

export interface Refused {
  readonly id: number;
  readonly reason: string;
}

/** A compiled database and which entries it holds. */
interface Compiled {
  readonly database: HyperscanDatabase;
  readonly taken: readonly Entry[];
  readonly refused: readonly Refused[];
}

function keyOf(addon: HyperscanAddon, entries: readonly Entry[]): SealKey {
  return [addon.version, addon.platform, addon.contract, FOLDING_SIGNS, entries.map(({ translated, pattern }) => [pattern.id, translated.source, translated.flags])];
}

function compileTaken(addon: HyperscanAddon, taken: readonly Entry[]): HyperscanDatabase {
  const all = [...taken.map((entry) => entry.translated), FOLDING_SIGNS];
  return addon.compile(all.map((translated) => translated.source), Uint32Array.from(all, (translated) => translated.flags));
}

/** Leaves out, one by one, the patterns Hyperscan refuses; RE2 takes them. Any other failure throws. */
function compile(addon: HyperscanAddon, entries: readonly Entry[]): Compiled {
  let taken = entries;
  const refused: Refused[] = [];
  for (;;) {
    try {
      return { database: compileTaken(addon, taken), taken, refused };
    } catch (error) {
      const culprit = taken[refusedPattern(error)];
      if (culprit === undefined) throw error;
      refused.push({ id: culprit.pattern.id, reason: error instanceof Error ? error.message : String(error) });
      taken = taken.filter((entry) => entry !== culprit);
    }
  }
}

/** The database in a sealed copy, undefined when it is damaged or was made of other patterns, by another version or for another processor. */
function reopen(addon: HyperscanAddon, entries: readonly Entry[], sealed: Uint8Array): Compiled | undefined {
  const opened = openSealed(sealed, keyOf(addon, entries));
  if (opened === undefined) return undefined;
  const refused = opened.note as readonly Refused[];
  const left = new Set(refused.map(({ id }) => id));
  try {
    return { database: addon.deserialize(opened.content), taken: entries.filter(({ pattern }) => !left.has(pattern.id)), refused };
  } catch {
    return undefined;
  }
}

export class HyperscanMatcher implements ShareableMatcher {
  readonly engine = 'hyperscan';
  readonly because: string;
  readonly besides: readonly Refused[];
  /** Whether the database came from `sealed`. */
  readonly reopened: boolean;
  readonly #addon: HyperscanAddon;
  readonly #database: HyperscanDatabase;
  readonly #entries: readonly Entry[];
  readonly #taken: readonly Entry[];
  readonly #out: Uint32Array;
  readonly #finder: Re2Finder;
  readonly #patterns: readonly Pattern[];
  /** For texts with folding signs: what a caseless pattern means there only RE2 sees. Made when the first such text comes. */
  #everything: Re2Matcher | undefined;
  /** For the patterns Hyperscan refused. */
  readonly #rest: Re2Matcher | undefined;

  constructor(addon: HyperscanAddon, patterns: readonly Pattern[], because: string, sealed?: Uint8Array) {
    this.#addon = addon;
    this.#patterns = patterns;
    this.#finder = new Re2Finder(patterns);
    this.#entries = patterns.map((pattern) => ({ pattern, translated: translateForHyperscan(pattern) }));
    const reopened = sealed === undefined ? undefined : reopen(addon, this.#entries, sealed);
    const { database, taken, refused } = reopened ?? compile(addon, this.#entries);
    this.reopened = reopened !== undefined;
    this.#database = database;
    this.#taken = taken;
    this.besides = refused;
    const left = new Set(refused.map(({ id }) => id));
    this.#rest = left.size === 0 ? undefined : new Re2Matcher(patterns.filter(({ id }) => left.has(id)), because);
    this.because = left.size === 0 ? because : `${because}; ${left.size} of ${patterns.length} patterns in RE2`;
    this.#out = new Uint32Array(taken.length + 1);
  }

  candidates(bytes: Uint8Array): number[] {
    const count = this.#addon.scan(this.#database, bytes, this.#out);
    if (count < 0) throw new Error('Hyperscan reported more hits than there are patterns');
    if (count === 0 && this.#rest === undefined) return [];
    const candidates: number[] = [];
    for (let index = 0; index < count; index += 1) {
      const entry = this.#taken[this.#out[index] ?? 0];
      if (entry === undefined) return this.#candidatesBeyondAscii(bytes);
      // Without folding signs a keyword is in ASCII.
      if (this.#finder.hasKeyword(entry.pattern.id, bytes)) candidates.push(entry.pattern.id);
    }
    if (this.#rest !== undefined) candidates.push(...this.#rest.candidates(bytes));
    return candidates.sort((a, b) => a - b);
  }

  #candidatesBeyondAscii(bytes: Uint8Array): number[] {
    this.#everything ??= new Re2Matcher(this.#patterns, 'folding signs');
    return this.#everything.candidates(bytes);
  }

  find(id: number, bytes: Uint8Array, max: number): Match[] {
    return this.#finder.find(id, bytes, max);
  }

  serialize(): SharedArrayBuffer {
    return seal(keyOf(this.#addon, this.#entries), this.besides, this.#addon.serialize(this.#database));
  }

  close(): void {
    this.#addon.close(this.#database);
  }
}
