// References in string values of the arguments become secrets: judged all first, then put in, JSON-escaped, never expanded again.
import { decodeString, forEachString, type ValueSpan } from '../../base/json/spans.js';
import type { Reading } from '../../base/workers/message-reader.js';
import type { Content, StoredReference } from './content.js';
import { parseReferences, REFERENCE_START, type ParsedReference } from './reference.js';
import type { ReferencePlace, ReferencePlaces, SubstituteResult } from './types.js';

/** A call needs one or two; the bound keeps what 10 MiB of references cost finite. */
const REFERENCES_MAX = 64;
/** Every character of `$SPIKE{` is ASCII, so an escape that could write it begins so; JSON knows no other. */
const ASCII_ESCAPE = '\\u00';
/** Looked for first: source code has a backslash in every line, and each is a place where the search for the escape begins anew (0.6 µs a KiB). */
const ITS_ZEROS = '00';
const DOLLAR = 0x24;
const BACKSLASH = 0x5c;

/** What layer 13 knows when it asks. */
export interface SubstituteFacts {
  readonly caller: string;
  readonly requiredScope: string | undefined;
  readonly nowMs: number;
  /** Opens the store; throws when it is damaged. Not called unless a reference is there. */
  readonly read: () => Content;
}

type Refused = Extract<SubstituteResult, { kind: 'refused' }>;

const NONE: SubstituteResult = Object.freeze({ kind: 'none' });

/** Of the arguments in bytes[from, to). Says yes too often (any ASCII character may be escaped, in a key too), never no too often. */
export function mayHoldReferences(bytes: Uint8Array, from: number, to: number): boolean {
  return to > from && hasSign(bytes, from, to) && mayHoldReference(Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from));
}

/** Every string is looked at: one escape in ten megabytes of short strings takes a second. */
export const REFERENCE_PLACES: Reading<ValueSpan, ReferencePlaces> = {
  name: 'references',
  read: (body, { from, to }) => findPlaces(body, from, to),
  isFound: (answer): answer is ReferencePlaces => Array.isArray(answer) || (answer as Partial<Refused> | null | undefined)?.kind === 'refused',
};

export function substituteAt(bytes: Uint8Array, places: ReferencePlaces, facts: SubstituteFacts): SubstituteResult {
  if ('kind' in places) return places;
  return places.length === 0 ? NONE : redeem(bytes, places, facts);
}

/** So cheap that nearly every call ends here: one byte is found ten times as fast as a word, and no view is made. */
function hasSign(bytes: Uint8Array, from: number, to: number): boolean {
  const dollar = bytes.indexOf(DOLLAR, from);
  if (dollar >= 0 && dollar < to) return true;
  const backslash = bytes.indexOf(BACKSLASH, from);
  return backslash >= 0 && backslash < to;
}

function mayHoldReference(span: Buffer): boolean {
  return span.includes(REFERENCE_START) || (span.includes(ITS_ZEROS) && span.includes(ASCII_ESCAPE));
}

function findPlaces(bytes: Uint8Array, from: number, to: number): ReferencePlaces {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const places: ReferencePlace[] = [];
  let count = 0;
  let malformed = false;
  forEachString(bytes, from, to, (_path, stringFrom, stringTo, isKey) => {
    if (isKey || malformed || count > REFERENCES_MAX || !mayHoldReference(whole.subarray(stringFrom, stringTo))) return;
    const text = decodeString(bytes, stringFrom, stringTo);
    const references = parseReferences(text);
    if (references === undefined) malformed = true;
    else if (references.length > 0) {
      count += references.length;
      places.push({ from: stringFrom, to: stringTo, text, references });
    }
  });
  if (malformed) return refused('invalid_spike_token', 'malformed_reference');
  return count > REFERENCES_MAX ? refused('invalid_spike_token', 'too_many_references') : places;
}

function redeem(bytes: Uint8Array, places: readonly ReferencePlace[], facts: SubstituteFacts): SubstituteResult {
  if (facts.requiredScope === undefined) return refused('token_scope_failed', 'tool_without_required_scope', { required_scope: null });
  const content = open(facts);
  if (content === undefined) return refused('token_redemption_failed', 'store_unavailable');
  const valueOf = new Map<string, string>();
  for (const reference of places.flatMap((place) => place.references)) {
    const stored = content.references.get(reference.ref);
    const secret = stored === undefined ? undefined : content.secrets.get(stored.name);
    if (stored === undefined || secret === undefined) return refused('token_redemption_failed', 'unknown_reference');
    const refusal = judge(reference, stored, facts);
    if (refusal !== undefined) return refusal;
    valueOf.set(reference.ref, secret.value);
  }
  return { kind: 'substituted', bytes: putIn(bytes, places, valueOf), values: [...new Set(valueOf.values())], refs: [...valueOf.keys()] };
}

function open(facts: SubstituteFacts): Content | undefined {
  try {
    return facts.read();
  } catch {
    return undefined; // the store's fault is for the operator (agw doctor), not for the caller
  }
}

/** Owner first: whoever is not the owner learns neither scope nor expiry. */
function judge(reference: ParsedReference, stored: StoredReference, facts: SubstituteFacts): Refused | undefined {
  if (stored.owner !== facts.caller) return refused('token_ownership_failed', 'not_the_owner');
  if (stored.scope !== facts.requiredScope) return refused('token_scope_failed', 'scope_differs_from_tool', { required_scope: facts.requiredScope ?? null, issued_scope: stored.scope });
  if (reference.scope !== undefined && reference.scope !== stored.scope) return refused('token_scope_failed', 'scope_differs_from_issued', { required_scope: facts.requiredScope ?? null, issued_scope: stored.scope, asked_scope: reference.scope });
  const shortenedMs = reference.expSeconds === undefined ? Infinity : stored.issuedMs + reference.expSeconds * 1000;
  return facts.nowMs >= Math.min(stored.expiresMs, shortenedMs) ? refused('token_expired', 'reference_expired') : undefined;
}

/** Copies every byte but the strings that held references. */
function putIn(bytes: Uint8Array, places: readonly ReferencePlace[], valueOf: ReadonlyMap<string, string>): Uint8Array {
  const pieces: Uint8Array[] = [];
  let copied = 0;
  for (const place of places) {
    pieces.push(bytes.subarray(copied, place.from), Buffer.from(JSON.stringify(expand(place, valueOf))));
    copied = place.to;
  }
  pieces.push(bytes.subarray(copied));
  return Buffer.concat(pieces);
}

function expand(place: ReferencePlace, valueOf: ReadonlyMap<string, string>): string {
  let text = '';
  let copied = 0;
  for (const reference of place.references) {
    text += place.text.slice(copied, reference.from) + (valueOf.get(reference.ref) ?? '');
    copied = reference.to;
  }
  return text + place.text.slice(copied);
}

function refused(code: Refused['code'], reasonCode: string, scopes?: Refused['scopes']): Refused {
  return { kind: 'refused', code, reasonCode, ...(scopes === undefined ? {} : { scopes }) };
}
