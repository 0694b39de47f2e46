// Many patterns over bytes, one interface, two engines (Hyperscan, RE2).

export interface Pattern {
  /** Position in the set; findings name it. */
  readonly id: number;
  /** RE2 syntax, ASCII only, linted: see native.md section 3. */
  readonly source: string;
  /** A part that every match holds, cheaper to look for than the whole; RE2 confirms. Same syntax and flags. */
  readonly trigger?: string | undefined;
  readonly caseless?: boolean;
  readonly dotAll?: boolean;
  readonly multiline?: boolean;
  /** Literals (ASCII, compared caseless): a text that has none of them is no hit, whatever the pattern says, on either engine. Empty = always tried. */
  readonly keywords?: readonly string[];
}

export interface Match {
  /** Byte offsets, `to` exclusive; of capture group 1 when the pattern has one, else of the whole match. */
  readonly from: number;
  readonly to: number;
}

export interface Matcher {
  readonly engine: 'hyperscan' | 're2';
  /** Why this engine was chosen, for people and for /health. */
  readonly because: string;
  /** Ids of all patterns that match somewhere in `bytes` (valid UTF-8), ascending, each once; of some `find` will say that they don't. Throws when the engine fails: the caller must refuse. */
  candidates(bytes: Uint8Array): number[];
  /** The places where pattern `id` matches, at most `max`. RE2, for candidates only: it knows of no keywords. */
  find(id: number, bytes: Uint8Array, max: number): Match[];
  close(): void;
}

/** A matcher whose compiled form other threads can take over instead of compiling again. */
export interface ShareableMatcher extends Matcher {
  /** Patterns this engine could not take and which RE2 looks for instead. */
  readonly besides: readonly { readonly id: number; readonly reason: string }[];
  /** For buildMatcher's `serialized` in another thread of this process; undefined where nothing is gained by it (RE2). */
  serialize(): SharedArrayBuffer | undefined;
}
