// Layer 3's question answered: which of the evidence counts, in which order, in which profile.
import { parseTrustedPeers } from '../../base/config/trusted-peers.js';
import { judgeDeclared } from './declared.js';
import { createJwtSvidVerifier } from './jwt-svid.js';
import { invalid, invalidBearer, missing } from './refuse.js';
import type { Authenticator, IdentityResult, IdentityTable, PeerEvidence } from './types.js';
import { createX509SvidVerifier } from './x509-svid.js';

export interface BundleText {
  readonly text: string;
  /** Only named in faults. */
  readonly file: string;
}

export interface AuthenticatorOptions {
  readonly profile: 'dev' | 'strict';
  /** dev.trusted_peers. */
  readonly trustedPeers: readonly string[];
  /** The text of tls.trust_bundle_file; undefined = certificates are refused. */
  readonly x509Bundle?: BundleText | undefined;
  /** tls.trust_intermediates. */
  readonly trustIntermediates: boolean;
  /** The text of identity.jwt_bundle_file; undefined = bearer tokens are refused. */
  readonly jwtBundle?: BundleText | undefined;
  readonly jwtAudiences: readonly string[];
  readonly cacheEntries: number;
}

export interface ReloadableAuthenticator extends Authenticator {
  /** Both throw ConfigFault for a bad bundle, and then the old one stays. Both forget every proof they cached. */
  reloadX509Bundle(bundle: BundleText): void;
  reloadJwtBundle(bundle: BundleText): void;
}

/** RFC 9110 section 11.1: the scheme is case-insensitive, one space or more before the token. */
const BEARER = /^bearer +(\S+) *$/i;

/** Throws ConfigFault for a bad bundle and RangeError for a bad trusted peer. */
export function createAuthenticator(options: AuthenticatorOptions): ReloadableAuthenticator {
  const isTrusted = parseTrustedPeers(options.trustedPeers);
  const x509 = createX509SvidVerifier({ bundle: options.x509Bundle, trustIntermediates: options.trustIntermediates, cacheEntries: options.cacheEntries });
  const jwt = createJwtSvidVerifier({ bundle: options.jwtBundle, audiences: options.jwtAudiences, cacheEntries: options.cacheEntries });

  const judgeBearer = (authorization: string, table: IdentityTable, nowMs: number): IdentityResult | Promise<IdentityResult> => {
    const token = BEARER.exec(authorization)?.[1];
    return token === undefined ? invalidBearer('not_a_bearer_token') : jwt.verify(token, table.trustDomain, nowMs);
  };

  /** Whatever proof is offered decides; what is weaker is not looked at, so a bad proof never falls back to a declaration. */
  const judge = (evidence: PeerEvidence, table: IdentityTable, nowMs: number): IdentityResult | Promise<IdentityResult> => {
    if (evidence.tls && evidence.certificatePem !== '') return x509.verify(evidence.certificatePem, table.trustDomain, nowMs, evidence.handshakeBundle);
    if (evidence.authorization !== '') return judgeBearer(evidence.authorization, table, nowMs);
    if (evidence.tls) return missing('client_certificate_missing');
    return options.profile === 'dev' ? judgeDeclared(evidence, table, isTrusted) : missing('no_proof');
  };

  return {
    authenticate(evidence, table, nowMs) {
      try {
        return judge(evidence, table, nowMs);
      } catch {
        return invalid('unreadable_evidence'); // a parser's own error on hostile bytes is not a fault of the gateway
      }
    },
    forget() {
      x509.forget();
      jwt.forget();
    },
    reloadX509Bundle: (bundle) => x509.reloadBundle(bundle.text, bundle.file),
    reloadJwtBundle: (bundle) => jwt.reloadBundle(bundle.text, bundle.file),
  };
}
