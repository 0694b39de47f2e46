// Which evidence counts: profiles, listeners, precedence, and no way from a bad proof to a good declaration.
import { describe, expect, it } from 'vitest';
import { createAuthenticator, type AuthenticatorOptions } from '../../../../src/engines/identity/authenticator.js';
import { parseIdentities } from '../../../../src/engines/identity/identity-table.js';
import type { IdentityResult, PeerEvidence } from '../../../../src/engines/identity/types.js';
import { jwtBundleText, makeAuthority, makeJwtAuthority, makeJwtSvid, makeSvid, TEST_NOW_MS } from '../../../support/pki.js';

const MINE = 'spiffe://poc.local/agents/mcp-client/my-agent/dev';
const OTHER = 'spiffe://poc.local/agents/mcp-client/other/prod';
const PROVEN = 'spiffe://poc.local/agents/mcp-client/proven/prod';
const table = parseIdentities(`default: ${MINE}\nidentities:\n  - spiffe_id: ${MINE}\n  - spiffe_id: ${OTHER}\n`, 'f', 'poc.local');
const bare = parseIdentities(`identities:\n  - spiffe_id: ${MINE}\n`, 'f', 'poc.local');

const NOTHING: PeerEvidence = { ip: '127.0.0.1', loopback: true, tls: false, certificatePem: '', handshakeBundle: '', authorization: '', declaredSpiffeId: '', declaredAgent: '', declaredEnv: '' };
const FAR = { ...NOTHING, ip: '192.0.2.1', loopback: false };
const BASE: AuthenticatorOptions = { profile: 'dev', trustedPeers: ['10.0.0.0/8'], jwtAudiences: ['precinct'], trustIntermediates: false, cacheEntries: 16 };
const ca = makeAuthority('root');
const jwtKey = makeJwtAuthority('k1');
const PROOFS: AuthenticatorOptions = { ...BASE, x509Bundle: { text: ca.pem, file: 'b' }, jwtBundle: { text: jwtBundleText(jwtKey), file: 'j' } };

function told(result: IdentityResult): string[] {
  return result.ok ? [result.caller.spiffeId, result.caller.authMethod] : [result.code, result.reasonCode];
}

async function ask(options: AuthenticatorOptions, evidence: PeerEvidence, identities = table): Promise<string[]> {
  return told(await createAuthenticator(options).authenticate(evidence, identities, TEST_NOW_MS));
}

describe('createAuthenticator in the dev profile', () => {
  it.each([
    [{}, [MINE, 'default_identity']],
    [{ declaredSpiffeId: OTHER }, [OTHER, 'header_declared']],
    [{ declaredAgent: 'other', declaredEnv: 'prod' }, [OTHER, 'path_declared']],
    [{ declaredSpiffeId: OTHER, declaredAgent: 'other', declaredEnv: 'prod' }, [OTHER, 'header_declared']],
    [{ declaredSpiffeId: MINE, declaredAgent: 'other', declaredEnv: 'prod' }, ['auth_invalid_identity', 'conflicting_declarations']],
    [{ declaredSpiffeId: 'spiffe://poc.local/nobody' }, ['auth_invalid_identity', 'not_registered']],
    [{ declaredSpiffeId: 'spiffe://other.local/agents/mcp-client/my-agent/dev' }, ['auth_invalid_identity', 'wrong_trust_domain']],
    [{ declaredSpiffeId: 'spiffe://poc.local' }, ['auth_invalid_identity', 'malformed_spiffe_id']],
    [{ declaredSpiffeId: `${MINE}, ${OTHER}` }, ['auth_invalid_identity', 'malformed_spiffe_id']],
    [{ declaredSpiffeId: `${MINE}/` }, ['auth_invalid_identity', 'malformed_spiffe_id']],
    [{ declaredAgent: 'nobody', declaredEnv: 'dev' }, ['auth_invalid_identity', 'not_registered']],
    [{ declaredAgent: 'other/prod/..', declaredEnv: 'x' }, ['auth_invalid_identity', 'malformed_spiffe_id']],
    [{ declaredAgent: '..', declaredEnv: 'dev' }, ['auth_invalid_identity', 'malformed_spiffe_id']],
    [{ declaredAgent: 'my-agent', declaredEnv: '' }, ['auth_invalid_identity', 'malformed_spiffe_id']],
    [{ ip: '10.1.1.1', loopback: false }, [MINE, 'default_identity']],
    [{ ip: '::ffff:10.1.1.1', loopback: false, declaredSpiffeId: OTHER }, [OTHER, 'header_declared']],
  ])('judges %j', async (evidence, expected) => {
    expect(await ask(BASE, { ...NOTHING, ...evidence })).toEqual(expected);
  });

  it('refuses far peers: what they declare, and that they declare nothing', async () => {
    expect(await ask(BASE, { ...FAR, declaredSpiffeId: MINE })).toEqual(['auth_invalid_identity', 'declared_identity_not_allowed']);
    expect(await ask(BASE, { ...FAR, declaredAgent: 'my-agent', declaredEnv: 'dev' })).toEqual(['auth_invalid_identity', 'declared_identity_not_allowed']);
    expect(await ask(BASE, FAR)).toEqual(['auth_missing_identity', 'no_proof']);
  });

  it('has no identity for a silent caller without a default', async () => {
    expect(await ask(BASE, NOTHING, bare)).toEqual(['auth_missing_identity', 'no_default_identity']);
  });

  it('says of a caller who is not registered how to register one', async () => {
    expect(await createAuthenticator(BASE).authenticate({ ...NOTHING, declaredAgent: 'nobody', declaredEnv: 'dev' }, table, TEST_NOW_MS)).toMatchObject({ remediation: expect.stringContaining('agw identity add') as string });
  });

  it('answers declared evidence without a promise', () => {
    expect(createAuthenticator(BASE).authenticate(NOTHING, table, TEST_NOW_MS)).not.toBeInstanceOf(Promise);
  });

  it('believes no declaration on a TLS listener', async () => {
    expect(await ask(PROOFS, { ...NOTHING, tls: true, declaredSpiffeId: MINE })).toEqual(['auth_missing_identity', 'client_certificate_missing']);
    expect(await ask(PROOFS, { ...NOTHING, tls: true })).toEqual(['auth_missing_identity', 'client_certificate_missing']);
  });

  it('never falls back from a bearer token that proves nothing', async () => {
    for (const authorization of ['Bearer x', 'Bearer', 'Bearer ', 'Basic dXNlcjpwdw==', `Bearer ${await makeJwtSvid(makeJwtAuthority('k1'), PROVEN)}`]) {
      expect((await ask(PROOFS, { ...NOTHING, authorization, declaredSpiffeId: MINE }))[0]).toBe('auth_invalid_bearer_token');
      expect((await ask(BASE, { ...NOTHING, authorization }))[0]).toBe('auth_invalid_bearer_token');
    }
  });
});

describe('createAuthenticator in the strict profile', () => {
  const strict: AuthenticatorOptions = { ...PROOFS, profile: 'strict' };

  it('takes declarations for no evidence at all', async () => {
    expect(await ask(strict, { ...NOTHING, declaredSpiffeId: MINE })).toEqual(['auth_missing_identity', 'no_proof']);
    expect(await ask(strict, { ...NOTHING, ip: '10.0.0.1', loopback: false })).toEqual(['auth_missing_identity', 'no_proof']);
    expect(await ask(strict, NOTHING)).toEqual(['auth_missing_identity', 'no_proof']);
  });

  it('accepts a token, on either listener, of an identity nobody registered', async () => {
    const authorization = `bearer   ${await makeJwtSvid(jwtKey, PROVEN)}`;
    expect(await ask(strict, { ...FAR, authorization })).toEqual([PROVEN, 'jwt_svid']);
    expect(await ask(strict, { ...FAR, tls: true, authorization })).toEqual([PROVEN, 'jwt_svid']);
  });

  it('goes by the certificate where there is one, good or bad', async () => {
    const authorization = `Bearer ${await makeJwtSvid(jwtKey, OTHER)}`;
    const good = makeSvid(ca, PROVEN).pem;
    const bad = makeSvid(makeAuthority('root'), PROVEN).pem;
    expect(await ask(strict, { ...FAR, tls: true, certificatePem: good, authorization })).toEqual([PROVEN, 'mtls_svid']);
    expect(await ask(strict, { ...FAR, tls: true, certificatePem: bad, authorization })).toEqual(['auth_invalid_identity', 'untrusted_issuer']);
  });

  it('does not look at a certificate that no TLS listener vouches for', async () => {
    expect(await ask(strict, { ...FAR, certificatePem: makeSvid(ca, PROVEN).pem })).toEqual(['auth_missing_identity', 'no_proof']);
  });

  it('refuses certificates without a trust bundle', async () => {
    expect(await ask({ ...strict, x509Bundle: undefined }, { ...FAR, tls: true, certificatePem: makeSvid(ca, PROVEN).pem })).toEqual(['auth_invalid_identity', 'no_trust_bundle']);
  });
});

describe('reloading', () => {
  it('stops believing what an authority issued once it left the bundle', async () => {
    const authenticator = createAuthenticator(PROOFS);
    const authorization = `Bearer ${await makeJwtSvid(jwtKey, PROVEN)}`;
    const certificatePem = makeSvid(ca, PROVEN).pem;
    const both = async () => [await authenticator.authenticate({ ...FAR, authorization }, table, TEST_NOW_MS), await authenticator.authenticate({ ...FAR, tls: true, certificatePem }, table, TEST_NOW_MS)].map((one) => one.ok);
    expect(await both()).toEqual([true, true]);
    expect(() => authenticator.reloadJwtBundle({ text: '{}', file: 'j' })).toThrow();
    expect(() => authenticator.reloadX509Bundle({ text: 'x', file: 'b' })).toThrow();
    expect(await both()).toEqual([true, true]);
    authenticator.reloadJwtBundle({ text: jwtBundleText(makeJwtAuthority('k2')), file: 'j' });
    authenticator.reloadX509Bundle({ text: makeAuthority('next').pem, file: 'b' });
    expect(await both()).toEqual([false, false]);
  });
});
