// DLP findings and the compiled rule set.
import type { Exception } from './names.js';

export type DlpCategory = 'credentials' | 'injection' | 'pii';
export type DlpAction = 'flag' | 'redact' | 'block';

export interface Finding {
  readonly rule: string;
  readonly category: DlpCategory;
  readonly action: DlpAction;
  /** JSON path such as `$.params.arguments.text`, or `header:authorization`, or `$` when the place is not in one string. */
  readonly path: string;
  /** Masked: at most the first 4 and last 2 characters of what matched, never the secret. */
  readonly sample: string;
  /** How the text was read: `raw`, `json`, `base64`, `url`, `hex`, `unicode`. */
  readonly decoded: string;
}

/** A finding with the byte range in the scanned bytes, where it is known (raw reading); for redaction. */
export interface LocatedFinding extends Finding {
  readonly from: number;
  readonly to: number;
}

/** What the pool says of a request: its thread has the bytes, so that it digests the arguments for the record too. */
export interface PooledScan {
  readonly findings: LocatedFinding[];
  readonly argumentsDigest: string | undefined;
}

/** The body of a request, which is good until the handler returns, and for longer once it was retained. */
export interface RetainedBody {
  readonly body: Uint8Array;
  retain(): void;
}

export interface DlpScanner {
  readonly engine: 'hyperscan' | 're2';
  readonly digest: string;
  readonly ruleCount: number;
  /**
   * Scans a whole JSON message: raw bytes, then every decoded string where escapes or encodings occur.
   * Inline (array) while the estimate stays under the inline limit, else one task in the pool (promise). Throws or rejects when it can't scan: refuse.
   * `bytes` must stay as they are until it has settled.
   */
  scan(bytes: Uint8Array, escapes: boolean): LocatedFinding[] | Promise<LocatedFinding[]>;
  /** `scan` of a request, whose arguments are body[argumentsFrom, argumentsTo): the same range twice = there are none. It is retained where it waits. */
  scanRequest(request: RetainedBody, escapes: boolean, argumentsFrom: number, argumentsTo: number): LocatedFinding[] | Promise<PooledScan>;
  /** Scans plain text (a header value). Always inline. */
  scanText(text: string, path: string): LocatedFinding[];
  close(): void;
}

/** What must hold of a match besides the pattern: a proof that the digits are what they look like. */
export const CHECKSUMS = ['luhn', 'iban', 'ssn', 'aba', 'nino'] as const;
export type Checksum = (typeof CHECKSUMS)[number];

/** One detection rule, as a file in config/dlp says it (parsed by rule-file.ts). */
export interface DlpRule {
  readonly id: string;
  readonly category: DlpCategory;
  readonly description: string;
  /** RE2 syntax, linted so that Hyperscan and RE2 find the same. */
  readonly pattern: string;
  /** A part that every match holds, cheaper to look for; undefined = the pattern itself. */
  readonly trigger: string | undefined;
  /** Lower case; every match holds at least one of them (compared caseless). Empty = always tried. */
  readonly keywords: readonly string[];
  readonly caseless: boolean;
  readonly checksum: Checksum | undefined;
  /** Least Shannon entropy (bits per character) of what matched, and least number of kinds of characters in it (lower, upper, digit, other). */
  readonly entropy: { readonly min: number; readonly kinds: number } | undefined;
  /** What matched is none of these; undefined = nothing is excepted. */
  readonly except: Exception | undefined;
  readonly hits: readonly string[];
  readonly misses: readonly string[];
  /** Where the rule stands. */
  readonly file: string;
  readonly line: number;
}

export type DlpActions = Readonly<Record<DlpCategory, DlpAction>>;
