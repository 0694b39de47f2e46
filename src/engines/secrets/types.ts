// Late-bound secrets: $SPIKE{…} references in string values become secrets, after every other layer (SPEC section 9).
import type { ReadingLimits, View } from '../dlp/views.js';
import type { ParsedReference } from './reference.js';

export type { ReadingLimits };
/**
 * Every reading of a text, the text itself first, as the DLP decoder gives them, with any escape resolved. `limits`: where they differ from those of the rules.
 * Throws where the text takes more than its allowance.
 */
export type ReadText = (text: Uint8Array, limits: Partial<ReadingLimits>, visit: (view: View) => void) => void;

export interface SecretRecord {
  /** Name the operator gave, e.g. `github-token`. */
  readonly name: string;
  readonly owner: string;
  readonly scope: string;
  readonly version: number;
  readonly createdMs: number;
}
/** An issued reference to a secret for one owner and scope. */
export interface SecretReference {
  readonly ref: string;
  readonly name: string;
  readonly owner: string;
  readonly scope: string;
  readonly issuedMs: number;
  readonly expiresMs: number;
}

export type SubstituteResult =
  | { readonly kind: 'none' }
  /** `bytes` is the new message; `values` are the plain secrets put in, for the response scrubber only. */
  | { readonly kind: 'substituted'; readonly bytes: Uint8Array; readonly values: readonly string[]; readonly refs: readonly string[] }
  | {
      readonly kind: 'refused';
      readonly code: 'invalid_spike_token' | 'token_scope_failed' | 'token_ownership_failed' | 'token_expired' | 'token_redemption_failed';
      readonly reasonCode: string;
      /** The scopes that do not agree, for the owner alone. */
      readonly scopes?: { readonly required_scope: string | null; readonly issued_scope?: string; readonly asked_scope?: string };
    };

/** A string value that holds references. */
export interface ReferencePlace {
  /** With its quotes. */
  readonly from: number;
  readonly to: number;
  /** Decoded. */
  readonly text: string;
  readonly references: readonly ParsedReference[];
}
/** Of one message, in order; or why none of them is put in. */
export type ReferencePlaces = readonly ReferencePlace[] | Extract<SubstituteResult, { readonly kind: 'refused' }>;

export interface SecretStore {
  /** Replaces the references at `places` of `bytes`. `requiredScope` undefined = the tool never receives a secret. */
  substitute(bytes: Uint8Array, places: ReferencePlaces, caller: string, requiredScope: string | undefined, nowMs: number): SubstituteResult;
  list(): readonly SecretRecord[];
}
