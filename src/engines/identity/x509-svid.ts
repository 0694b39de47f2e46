// X.509-SVIDs: the certificate a TLS listener was shown → a caller (X509-SVID standard, sections 2–5). The TLS stack has verified
// the path already; it is verified here again, against the same bundle, so that a listener opened wrongly lets nobody in, unless tls.trust_intermediates says otherwise.
import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { readCertificate, type Certificate } from './certificate.js';
import { principalOf } from './principal.js';
import { certificateExpired, invalid, type Refused } from './refuse.js';
import { parseWorkloadId, trustDomainOf } from './spiffe-id.js';
import type { Caller, IdentityResult, SpiffeId } from './types.js';
import { isOfDomain, issuedUntilMs, parseX509Bundle, splitPem, type X509Bundle } from './x509-bundle.js';

/** A leaf and its intermediates are a few KiB; longer text is refused before it is read. */
const PEM_LENGTH_MAX = 64 * 1024;
const CERTIFICATES_MAX = 6;
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const ANY_EXTENDED_KEY_USAGE = '2.5.29.37.0';
/** MD5 and SHA-1 with RSA, SHA-1 with ECDSA: collisions of these can be bought. */
const BROKEN_SIGNATURES: ReadonlySet<string> = new Set(['1.2.840.113549.1.1.4', '1.2.840.113549.1.1.5', '1.2.840.10045.4.1']);

/** The HTTP library shows the client's own certificate alone: what it sent along is known to the TLS stack only. */
const UNTRUSTED_REMEDY = 'Put the authority that signed the certificate into tls.trust_bundle_file, an intermediate one beside its root; or set tls.trust_intermediates, if nobody but this trust domain signs under these roots.';

export interface X509SvidVerifier {
  /** `handshakeBundle` as in PeerEvidence. */
  verify(pem: string, trustDomain: string, nowMs: number, handshakeBundle: string): IdentityResult;
  /** Throws ConfigFault, and then the old bundle stays. Forgets every caller. */
  reloadBundle(text: string, file: string): void;
  forget(): void;
}

interface Proven {
  readonly caller: Caller;
  readonly trustDomain: string;
  readonly notBeforeMs: number;
}

export interface X509SvidOptions {
  /** Undefined: no certificate is believed. */
  readonly bundle?: { readonly text: string; readonly file: string } | undefined;
  /** Whether the TLS stack's word is taken for a path that leads over intermediates, which only it has seen. */
  readonly trustIntermediates: boolean;
  readonly cacheEntries: number;
}

export function createX509SvidVerifier({ trustIntermediates, ...options }: X509SvidOptions): X509SvidVerifier {
  let bundle: X509Bundle = [];
  let digest = '';
  const take = (text: string, file: string): void => {
    bundle = parseX509Bundle(text, file);
    digest = hash('sha256', text, 'hex');
  };
  if (options.bundle !== undefined) take(options.bundle.text, options.bundle.file);
  /** Against this very bundle: what was proven against another one may be what was taken out of it. */
  const isProvenByHandshake = (handshakeBundle: string, trustDomain: string): boolean => trustIntermediates && handshakeBundle === digest && bundle.every((authority) => isOfDomain(authority, trustDomain));
  const proven = new LRUCache<string, Proven>({ max: options.cacheEntries });

  return {
    verify(pem, trustDomain, nowMs, handshakeBundle) {
      const known = proven.get(pem);
      if (known !== undefined && known.trustDomain === trustDomain && nowMs >= known.notBeforeMs && nowMs <= known.caller.expiresMs) return { ok: true, caller: known.caller };
      proven.delete(pem);
      const judged = judge(pem, bundle, trustDomain, nowMs, isProvenByHandshake(handshakeBundle, trustDomain));
      if ('code' in judged) return judged;
      proven.set(pem, judged);
      return { ok: true, caller: judged.caller };
    },
    reloadBundle(text, file) {
      take(text, file);
      proven.clear();
    },
    forget: () => proven.clear(),
  };
}

function judge(pem: string, bundle: X509Bundle, trustDomain: string, nowMs: number, isProvenByHandshake: boolean): Proven | Refused {
  if (bundle.length === 0) return invalid('no_trust_bundle', 'The gateway has no trust bundle for certificates.');
  const certificates = readCertificates(pem);
  const leaf = certificates?.[0];
  if (certificates === undefined || leaf === undefined) return invalid('malformed_certificate');
  const refusal = judgeLeaf(leaf, nowMs);
  if (refusal !== undefined) return refusal;
  const id = idOf(leaf, trustDomain);
  if (typeof id !== 'string') return id;
  // Of a path that only the TLS stack has seen, nobody here knows when it ends.
  const untilMs = issuedUntilMs(bundle, leaf, certificates.slice(1), trustDomain, nowMs) ?? (isProvenByHandshake && !isIssuerIn(bundle, leaf) ? Infinity : undefined);
  if (untilMs === undefined) return invalid('untrusted_issuer', undefined, UNTRUSTED_REMEDY);
  const caller: Caller = Object.freeze({ spiffeId: id, authMethod: 'mtls_svid', principal: principalOf(id, trustDomain), expiresMs: Math.min(leaf.notAfterMs, untilMs) });
  return { caller, trustDomain, notBeforeMs: leaf.notBeforeMs };
}

/** Then nothing is hidden from layer 3, and its own judgement stands. */
function isIssuerIn(bundle: X509Bundle, leaf: Certificate): boolean {
  return bundle.some((authority) => leaf.x509.checkIssued(authority.x509));
}

function readCertificates(pem: string): Certificate[] | undefined {
  if (pem.length > PEM_LENGTH_MAX) return undefined;
  const blocks = splitPem(pem);
  if (blocks.length > CERTIFICATES_MAX) return undefined;
  try {
    return blocks.map(readCertificate);
  } catch {
    return undefined; // hostile bytes; what exactly is wrong with them helps nobody
  }
}

/** X509-SVID section 5.2 and appendix A. */
function judgeLeaf(leaf: Certificate, nowMs: number): Refused | undefined {
  if (nowMs < leaf.notBeforeMs) return invalid('certificate_not_yet_valid');
  if (nowMs > leaf.notAfterMs) return certificateExpired();
  if (leaf.isCa) return invalid('certificate_is_ca');
  if (leaf.keyUsage === undefined || !leaf.keyUsage.digitalSignature) return invalid('digital_signature_missing');
  if (leaf.keyUsage.keyCertSign || leaf.keyUsage.crlSign) return invalid('signing_key_usage');
  const uses = leaf.extendedKeyUsage;
  if (uses !== undefined && !uses.includes(CLIENT_AUTH) && !uses.includes(ANY_EXTENDED_KEY_USAGE)) return invalid('client_auth_missing');
  if (leaf.unknownCritical.length > 0) return invalid('unknown_critical_extension');
  return BROKEN_SIGNATURES.has(leaf.signatureAlgorithm) ? invalid('weak_signature') : undefined;
}

function idOf(leaf: Certificate, trustDomain: string): SpiffeId | Refused {
  const [uri, ...others] = leaf.uris;
  if (uri === undefined) return invalid('uri_san_missing');
  if (others.length > 0) return invalid('uri_san_not_unique');
  const id = parseWorkloadId(uri);
  if (id === undefined) return invalid('malformed_spiffe_id');
  return trustDomainOf(id) === trustDomain ? id : invalid('wrong_trust_domain');
}
