// The SPIFFE-ID grammar (SPIFFE-ID standard, section 2), read byte by byte: nothing is decoded, folded or normalised.
import type { SpiffeId } from './types.js';

const SCHEME = 'spiffe://';
/** SPIFFE-ID section 2.3: longer ones need not be accepted. The grammar is ASCII, so characters are bytes. */
const ID_BYTES_MAX = 2048;
/** SPIFFE-ID section 2.1. */
const TRUST_DOMAIN_BYTES_MAX = 255;

/** A SPIFFE ID with or without a path, or undefined. Never throws. */
export function parseSpiffeId(text: string): SpiffeId | undefined {
  if (text.length > ID_BYTES_MAX || !text.startsWith(SCHEME)) return undefined;
  const slash = text.indexOf('/', SCHEME.length);
  const domainEnd = slash === -1 ? text.length : slash;
  if (!isTrustDomain(text.slice(SCHEME.length, domainEnd)) || !isPath(text, domainEnd)) return undefined;
  return text as SpiffeId;
}

/** A SPIFFE ID that can name a workload: the bare trust domain names its authorities instead (X509-SVID section 3.1). */
export function parseWorkloadId(text: string): SpiffeId | undefined {
  const id = parseSpiffeId(text);
  return id !== undefined && pathOf(id) !== '' ? id : undefined;
}

/** SPIFFE-ID section 2.1: lower-case letters, digits, dots, dashes, underscores; no port, no user. */
export function isTrustDomain(text: string): boolean {
  if (text.length === 0 || text.length > TRUST_DOMAIN_BYTES_MAX) return false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (!isLowerOrDigit(code) && !isPunctuation(code)) return false;
  }
  return true;
}

/** One segment of a path (SPIFFE-ID section 2.2): not empty, neither `.` nor `..`. */
export function isPathSegment(text: string): boolean {
  return !text.includes('/') && isPath(`/${text}`, 0);
}

export function trustDomainOf(id: SpiffeId): string {
  const slash = id.indexOf('/', SCHEME.length);
  return slash === -1 ? id.slice(SCHEME.length) : id.slice(SCHEME.length, slash);
}

/** With its leading slash; empty for the bare trust domain. */
export function pathOf(id: SpiffeId): string {
  const slash = id.indexOf('/', SCHEME.length);
  return slash === -1 ? '' : id.slice(slash);
}

/** Empty, or one or more of `/` and a segment, to the end of the text. */
function isPath(text: string, from: number): boolean {
  let segmentFrom = from;
  for (let at = from; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === SLASH) {
      if (at !== from && !isSegment(text, segmentFrom, at)) return false;
      segmentFrom = at + 1;
    } else if (!isLowerOrDigit(code) && !isUpper(code) && !isPunctuation(code)) return false;
  }
  return from === text.length || isSegment(text, segmentFrom, text.length);
}

function isSegment(text: string, from: number, to: number): boolean {
  const length = to - from;
  if (length === 0) return false;
  const dots = text.charCodeAt(from) === DOT && (length === 1 || (length === 2 && text.charCodeAt(from + 1) === DOT));
  return !dots;
}

const SLASH = 0x2f;
const DOT = 0x2e;
const DASH = 0x2d;
const UNDERSCORE = 0x5f;

function isLowerOrDigit(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x30 && code <= 0x39);
}

function isUpper(code: number): boolean {
  return code >= 0x41 && code <= 0x5a;
}

function isPunctuation(code: number): boolean {
  return code === DOT || code === DASH || code === UNDERSCORE;
}
