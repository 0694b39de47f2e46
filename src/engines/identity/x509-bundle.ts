// The trust domain's X.509 authorities from a PEM file, and the search for a path from a leaf to one of them.
import { ConfigFault, WHOLE_FILE } from '../../base/config/fault.js';
import { readCertificate, type Certificate } from './certificate.js';
import { parseSpiffeId, pathOf, trustDomainOf } from './spiffe-id.js';

/** A root, two intermediates and some room; each step costs a signature check. */
const PATH_LENGTH_MAX = 5;
/** Authorities and intermediates tried for one leaf, together: against bundles of thousands with one name. */
const SIGNATURE_CHECKS_MAX = 32;
const BUNDLE_CERTIFICATES_MAX = 1_000;

const PEM_BLOCK = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+?-----END CERTIFICATE-----/g;

export type X509Bundle = readonly Certificate[];

export function splitPem(text: string): string[] {
  return text.match(PEM_BLOCK) ?? [];
}

/** Throws ConfigFault. Every certificate must be an authority; text between the blocks is ignored, as TLS stacks do. */
export function parseX509Bundle(text: string, file: string): X509Bundle {
  const remedy = 'Put the trust domain\'s authorities there as PEM: spire-server bundle show.';
  const blocks = [...text.matchAll(PEM_BLOCK)];
  if (blocks.length === 0) throw new ConfigFault('no certificate in the trust bundle.', { file, ...WHOLE_FILE, remedy });
  if (blocks.length > BUNDLE_CERTIFICATES_MAX) throw new ConfigFault(`more than ${BUNDLE_CERTIFICATES_MAX} certificates in the trust bundle.`, { file, ...WHOLE_FILE, remedy });
  return blocks.map((block) => {
    const line = text.slice(0, block.index).split('\n').length;
    return readAuthority(block[0], { file, line, column: 1, remedy });
  });
}

function readAuthority(pem: string, place: { file: string; line: number; column: number; remedy: string }): Certificate {
  let certificate: Certificate;
  try {
    certificate = readCertificate(pem);
  } catch {
    throw new ConfigFault('a certificate of the trust bundle cannot be read.', place);
  }
  if (!mayIssue(certificate)) throw new ConfigFault('a certificate of the trust bundle is not an authority (CA and keyCertSign).', place);
  return certificate;
}

/** No path, or none that is good now. */
const NEVER = -Infinity;

/**
 * Until when, in ms since the epoch, signatures lead from the leaf over `intermediates` to an authority of the bundle, all of them valid: the path ends with the first of them, the leaf
 * aside. Undefined: there is no such path now. Of several authorities that signed the same, as where one is renewed under its key, the last to end counts.
 */
export function issuedUntilMs(bundle: X509Bundle, leaf: Certificate, intermediates: readonly Certificate[], trustDomain: string, nowMs: number): number | undefined {
  const search = { checksLeft: SIGNATURE_CHECKS_MAX };
  const climb = (below: Certificate, depth: number): number => {
    if (depth > PATH_LENGTH_MAX) return NEVER;
    const fits = (issuer: Certificate): boolean => issuer !== below && isIssuer(issuer, below, depth, trustDomain, nowMs, search);
    const direct = bundle.reduce((until, issuer) => (issuer.notAfterMs > until && fits(issuer) ? issuer.notAfterMs : until), NEVER);
    if (direct !== NEVER) return direct;
    for (const issuer of intermediates) {
      const until = fits(issuer) ? climb(issuer, depth + 1) : NEVER;
      if (until !== NEVER) return Math.min(until, issuer.notAfterMs);
    }
    return NEVER;
  };
  const until = climb(leaf, 0);
  return until === NEVER ? undefined : until;
}

function isIssuer(issuer: Certificate, below: Certificate, depth: number, trustDomain: string, nowMs: number, search: { checksLeft: number }): boolean {
  if (!mayIssue(issuer) || depth > issuer.pathLengthMax || !isWithin(issuer, nowMs) || !isOfDomain(issuer, trustDomain)) return false;
  if (!below.x509.checkIssued(issuer.x509) || search.checksLeft === 0) return false;
  search.checksLeft -= 1;
  return below.x509.verify(issuer.x509.publicKey);
}

/** X509-SVID sections 4.1, 4.3. A key usage extension may be missing on old roots; if it is there it must say keyCertSign. */
function mayIssue(certificate: Certificate): boolean {
  return certificate.isCa && certificate.keyUsage?.keyCertSign !== false && certificate.unknownCritical.length === 0;
}

export function isWithin(certificate: Certificate, nowMs: number): boolean {
  return nowMs >= certificate.notBeforeMs && nowMs <= certificate.notAfterMs;
}

/** X509-SVID section 3.2: an authority that names itself must name this trust domain, without a path. */
export function isOfDomain(authority: Certificate, trustDomain: string): boolean {
  const ids = authority.uris.map((uri) => parseSpiffeId(uri)).filter((id) => id !== undefined);
  return ids.every((id) => trustDomainOf(id) === trustDomain && pathOf(id) === '');
}
