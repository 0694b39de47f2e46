// JWT-SVIDs: a bearer token → a caller (JWT-SVID standard, sections 2–4). Each refusal has its reason; none repeats the token.
import { createHash } from 'node:crypto';
import { decodeProtectedHeader } from 'jose/decode/protected_header';
import { LRUCache } from 'lru-cache';
import { parseJson } from '../../base/json/parse-json.js';
import { parseJwtBundle, SVID_ALGORITHMS, type JwtAuthority, type JwtBundle } from './jwt-bundle.js';
import { principalOf } from './principal.js';
import { invalid, invalidBearer, type Refused } from './refuse.js';
import { parseWorkloadId, trustDomainOf } from './spiffe-id.js';
import type { Caller, IdentityResult } from './types.js';

/** HTTP servers cap a header at 8 or 16 KiB; a JWT-SVID has a few hundred bytes. */
const TOKEN_LENGTH_MAX = 16 * 1024;
const COMPACT_JWS = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
/** JWT-SVID section 2.3: absent, or one of these. */
const TYPES: readonly unknown[] = [undefined, 'JWT', 'JOSE'];
/** How far issuer and gateway clocks may differ; short beside the lifetime of a token (5 min by default in SPIRE). */
export const CLOCK_SKEW_MS = 10_000;
/** The greatest instant a Date holds: claims beyond it are nonsense. */
const SECONDS_MAX = 8_640_000_000_000;

export interface JwtSvidVerifier {
  /** Synchronous for refusals before the signature and for tokens seen before. */
  verify(token: string, trustDomain: string, nowMs: number): IdentityResult | Promise<IdentityResult>;
  /** Throws ConfigFault, and then the old bundle stays. Forgets every token. */
  reloadBundle(text: string, file: string): void;
  forget(): void;
}

export interface JwtSvidOptions {
  /** Undefined: every token is refused. */
  readonly bundle?: { readonly text: string; readonly file: string } | undefined;
  readonly audiences: readonly string[];
  readonly cacheEntries: number;
}

interface Proven {
  readonly caller: Caller;
  readonly trustDomain: string;
  readonly notBeforeMs: number;
}

export function createJwtSvidVerifier(options: JwtSvidOptions): JwtSvidVerifier {
  let bundle: JwtBundle | undefined = options.bundle === undefined ? undefined : parseJwtBundle(options.bundle.text, options.bundle.file);
  let generation = 0;
  const audiences = new Set(options.audiences);
  const proven = new LRUCache<string, Proven>({ max: options.cacheEntries });

  const forget = (): void => {
    generation += 1; // a check under way must not put its result into the emptied cache
    proven.clear();
  };

  const verifyAnew = async (token: string, key: string, authority: JwtAuthority, trustDomain: string, nowMs: number): Promise<IdentityResult> => {
    const startedIn = generation;
    const signed = await verifySignature(token, authority);
    const judged = 'code' in signed ? signed : judgeClaims(signed, audiences, trustDomain, nowMs);
    if ('code' in judged) return judged;
    if (generation === startedIn) proven.set(key, judged);
    return { ok: true, caller: judged.caller };
  };

  return {
    verify(token, trustDomain, nowMs) {
      if (bundle === undefined) return invalidBearer('bearer_not_configured', 'The gateway accepts no bearer tokens.');
      if (token.length > TOKEN_LENGTH_MAX) return invalidBearer('token_too_long');
      const key = createHash('sha256').update(token).digest('base64'); // the cache must not be a store of live tokens
      const known = proven.get(key);
      if (known !== undefined && known.trustDomain === trustDomain && nowMs >= known.notBeforeMs && nowMs < known.caller.expiresMs) return { ok: true, caller: known.caller };
      proven.delete(key);
      const authority = authorityOf(token, bundle);
      return 'code' in authority ? authority : verifyAnew(token, key, authority, trustDomain, nowMs);
    },
    reloadBundle(text, file) {
      bundle = parseJwtBundle(text, file);
      forget();
    },
    forget,
  };
}

/** Judges the JOSE header and finds the key it names. */
function authorityOf(token: string, bundle: JwtBundle): JwtAuthority | Refused {
  const header = COMPACT_JWS.test(token) ? readHeader(token) : undefined;
  if (header === undefined) return invalidBearer('malformed_token');
  if (header.alg === undefined || !SVID_ALGORITHMS.includes(header.alg)) return invalidBearer('alg_not_allowed');
  if (!TYPES.includes(header.typ)) return invalidBearer('typ_not_allowed');
  if (header.crit !== undefined || header['b64'] !== undefined) return invalidBearer('critical_header');
  if (typeof header.kid !== 'string' || header.kid === '') return invalidBearer('kid_missing');
  const authority = bundle.get(header.kid);
  if (authority === undefined) return invalidBearer('kid_unknown');
  return authority.algorithms.includes(header.alg) ? authority : invalidBearer('alg_not_allowed');
}

function readHeader(token: string): ReturnType<typeof decodeProtectedHeader> | undefined {
  try {
    return decodeProtectedHeader(token);
  } catch {
    return undefined;
  }
}

/** Claims whose signature is good; nothing else of them is known. */
interface SignedClaims {
  readonly sub: unknown;
  readonly aud: unknown;
  readonly exp: unknown;
  readonly nbf: unknown;
  readonly iat: unknown;
}

async function verifySignature(token: string, authority: JwtAuthority): Promise<SignedClaims | Refused> {
  const { compactVerify, errors } = await import('jose'); // with the first token: most gateways never see one
  try {
    const { payload } = await compactVerify(token, authority.key, { algorithms: [...authority.algorithms] });
    const claims: unknown = parseJson(new TextDecoder('utf-8', { fatal: true }).decode(payload));
    const isObject = typeof claims === 'object' && claims !== null && !Array.isArray(claims);
    return isObject ? pickClaims(claims) : invalidBearer('malformed_claims');
  } catch (error) {
    return invalidBearer(error instanceof errors.JOSEError ? 'signature_invalid' : 'malformed_claims');
  }
}

/** Only these five leave the token: a claim named `code` must not look like a refusal. */
function pickClaims(claims: object): SignedClaims {
  const { sub, aud, exp, nbf, iat } = claims as Partial<SignedClaims>;
  return { sub, aud, exp, nbf, iat };
}

/** JWT-SVID section 3, RFC 7519 section 4.1. */
function judgeClaims(claims: SignedClaims, audiences: ReadonlySet<string>, trustDomain: string, nowMs: number): Proven | Refused {
  const expMs = readSeconds(claims.exp);
  const nbfMs = claims.nbf === undefined ? -Infinity : readSeconds(claims.nbf);
  const iatMs = claims.iat === undefined ? -Infinity : readSeconds(claims.iat);
  if (claims.exp === undefined) return invalidBearer('exp_missing');
  if (expMs === undefined || nbfMs === undefined || iatMs === undefined) return invalidBearer('malformed_claims');
  if (nowMs >= expMs + CLOCK_SKEW_MS) return invalidBearer('token_expired');
  const notBeforeMs = Math.max(nbfMs, iatMs) - CLOCK_SKEW_MS;
  if (nowMs < notBeforeMs) return invalidBearer('token_not_yet_valid');
  if (!namesAudience(claims.aud, audiences)) return invalidBearer('audience_mismatch');
  if (typeof claims.sub !== 'string') return invalidBearer('sub_missing');
  const spiffeId = parseWorkloadId(claims.sub);
  if (spiffeId === undefined) return invalid('malformed_spiffe_id');
  if (trustDomainOf(spiffeId) !== trustDomain) return invalid('wrong_trust_domain');
  const caller: Caller = Object.freeze({ spiffeId, authMethod: 'jwt_svid', principal: principalOf(spiffeId, trustDomain), expiresMs: expMs + CLOCK_SKEW_MS });
  return { caller, trustDomain, notBeforeMs };
}

function readSeconds(claim: unknown): number | undefined {
  return typeof claim === 'number' && claim >= 0 && claim <= SECONDS_MAX ? claim * 1000 : undefined;
}

function namesAudience(aud: unknown, audiences: ReadonlySet<string>): boolean {
  const named: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  return named.every((one) => typeof one === 'string') && named.some((one) => typeof one === 'string' && audiences.has(one));
}
