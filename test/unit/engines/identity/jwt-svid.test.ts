// JWT-SVIDs: each field wrong in turn, each attack on JOSE that was ever famous, and the cache.
import { createHmac } from 'node:crypto';
import { CompactSign } from 'jose';
import { describe, expect, it } from 'vitest';
import { ConfigFault } from '../../../../src/base/config/fault.js';
import { parseJwtBundle } from '../../../../src/engines/identity/jwt-bundle.js';
import { CLOCK_SKEW_MS, createJwtSvidVerifier, type JwtSvidVerifier } from '../../../../src/engines/identity/jwt-svid.js';
import { jwtBundleText, makeJwtAuthority, makeJwtSvid, TEST_NOW_MS, type TokenFields } from '../../../support/pki.js';

const ID = 'spiffe://poc.local/agents/mcp-client/my-agent/dev';
const NOW_S = TEST_NOW_MS / 1000;
const key = makeJwtAuthority('k1');

function verifierOf(text = jwtBundleText(key)): JwtSvidVerifier {
  return createJwtSvidVerifier({ bundle: { text, file: 'bundle.json' }, audiences: ['precinct', 'second'], cacheEntries: 4 });
}

async function ask(token: string, verifier = verifierOf(), nowMs = TEST_NOW_MS): Promise<string> {
  const result = await verifier.verify(token, 'poc.local', nowMs);
  return result.ok ? result.caller.spiffeId : result.reasonCode;
}

const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('createJwtSvidVerifier', () => {
  it.each(['ES256', 'ES384', 'ES512', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'])('accepts %s', async (alg) => {
    const own = makeJwtAuthority('k', alg);
    expect(await ask(await makeJwtSvid(own, ID), verifierOf(jwtBundleText(own)))).toBe(ID);
  });

  it('tells the caller, its principal, and when the evidence ends', async () => {
    const result = await verifierOf().verify(await makeJwtSvid(key, ID), 'poc.local', TEST_NOW_MS);
    expect(result).toEqual({ ok: true, caller: { spiffeId: ID, authMethod: 'jwt_svid', principal: expect.objectContaining({ level: 3 }), expiresMs: (NOW_S + 300) * 1000 + CLOCK_SKEW_MS } });
  });

  it.each<[string, TokenFields, string]>([
    ['no exp', { claims: { exp: undefined } }, 'exp_missing'],
    ['exp as text', { claims: { exp: '9999999999' } }, 'malformed_claims'],
    ['exp without end', { claims: { exp: 1e300 } }, 'malformed_claims'],
    ['expired', { claims: { exp: NOW_S - CLOCK_SKEW_MS / 1000 } }, 'token_expired'],
    ['not yet', { claims: { nbf: NOW_S + 60 } }, 'token_not_yet_valid'],
    ['issued in the future', { claims: { iat: NOW_S + 60 } }, 'token_not_yet_valid'],
    ['no aud', { claims: { aud: undefined } }, 'audience_mismatch'],
    ['empty aud', { claims: { aud: [] } }, 'audience_mismatch'],
    ['other aud', { claims: { aud: ['elsewhere'] } }, 'audience_mismatch'],
    ['aud in another case', { claims: { aud: 'Precinct' } }, 'audience_mismatch'],
    ['aud not text', { claims: { aud: ['precinct', 5] } }, 'audience_mismatch'],
    ['no sub', { claims: { sub: undefined } }, 'sub_missing'],
    ['sub not an id', { claims: { sub: 'my-agent' } }, 'malformed_spiffe_id'],
    ['sub the bare domain', { claims: { sub: 'spiffe://poc.local' } }, 'malformed_spiffe_id'],
    ['sub of another domain', { claims: { sub: 'spiffe://other.local/x' } }, 'wrong_trust_domain'],
    ['typ at+jwt', { header: { typ: 'at+jwt' } }, 'typ_not_allowed'],
    ['typ jwt', { header: { typ: 'jwt' } }, 'typ_not_allowed'],
    ['no kid', { header: { kid: undefined } }, 'kid_missing'],
    ['unknown kid', { header: { kid: 'k9' } }, 'kid_unknown'],
    ['kid __proto__', { header: { kid: '__proto__' } }, 'kid_unknown'],
  ])('refuses %s', async (_what, fields, reason) => {
    expect(await ask(await makeJwtSvid(key, ID, fields))).toBe(reason);
  });

  it.each<[string, TokenFields]>([
    ['typ JOSE', { header: { typ: 'JOSE' } }],
    ['no typ', { header: { typ: undefined } }],
    ['aud as text', { claims: { aud: 'second' } }],
    ['a claim that looks like a refusal', { claims: { code: 'x' } }],
    ['a clock a little behind', { claims: { iat: NOW_S + 5 } }],
  ])('accepts %s', async (_what, fields) => {
    expect(await ask(await makeJwtSvid(key, ID, fields))).toBe(ID);
  });

  it('reads claims as they are written, with escapes in their names, too', async () => {
    expect(await ask(await makeJwtSvid(key, ID, { claims: { 'nb\\': 1 } }))).toBe(ID);
    const claims = String.raw`{"sub":"${ID}","aud":["precinct"],"iat":${NOW_S},"exp":${NOW_S + 300},"nb\u0066":${NOW_S + 60}}`;
    expect(await ask(await new CompactSign(Buffer.from(claims)).setProtectedHeader({ alg: key.alg, kid: key.kid }).sign(key.privateKey))).toBe('token_not_yet_valid');
  });

  it('refuses alg none, HMAC with the public key, EdDSA, and an algorithm of another kind of key', async () => {
    const payload = base64url({ sub: ID, aud: 'precinct', exp: NOW_S + 100 });
    const none = `${base64url({ alg: 'none', kid: 'k1' })}.${payload}.`;
    const hmacHead = `${base64url({ alg: 'HS256', kid: 'k1' })}.${payload}`;
    const hmac = `${hmacHead}.${createHmac('sha256', JSON.stringify(key.jwk)).update(hmacHead).digest('base64url')}`;
    expect(await ask(none)).toBe('malformed_token');
    expect(await ask(`${none}AA`)).toBe('alg_not_allowed');
    expect(await ask(hmac)).toBe('alg_not_allowed');
    for (const alg of ['EdDSA', 'ES384', 'RS256', 'es256', 'PS256']) expect(await ask(`${base64url({ alg, kid: 'k1' })}.${payload}.AAAA`)).toBe('alg_not_allowed');
  });

  it('does not take the key that a token brings along', async () => {
    const evil = makeJwtAuthority('k1');
    expect(await ask(await makeJwtSvid(evil, ID, { header: { jwk: evil.jwk } }))).toBe('signature_invalid');
    const head = base64url({ alg: 'ES256', kid: 'k1', crit: ['exp'], exp: 1 });
    expect(await ask(`${head}.e30.AAAA`)).toBe('critical_header');
  });

  it('refuses a changed payload, a cut token, JSON serialisation, and what is no token at all, without repeating it', async () => {
    const token = await makeJwtSvid(key, ID);
    const [head = '', , signature = ''] = token.split('.');
    expect(await ask(`${head}.${base64url({ sub: 'spiffe://poc.local/system/x', aud: 'precinct', exp: NOW_S + 100 })}.${signature}`)).toBe('signature_invalid');
    for (const hostile of [token.slice(0, -4), '', '..', 'a.b', 'a.b.c', 'a.b.c.d', '{"payload":"x"}', `${token}=`, ` ${token}`, `${token}\u0000`, 'e30.e30.e30']) {
      const result = await verifierOf().verify(hostile, 'poc.local', TEST_NOW_MS);
      expect(result.ok).toBe(false);
      if (!result.ok) expect(JSON.stringify(result).includes(token.slice(0, 20))).toBe(false);
    }
    expect(await ask('a'.repeat(20_000))).toBe('token_too_long');
  });

  it('remembers a token until it ends, and not a moment longer', async () => {
    const verifier = verifierOf();
    const token = await makeJwtSvid(key, ID);
    expect(verifier.verify(token, 'poc.local', TEST_NOW_MS)).toBeInstanceOf(Promise);
    await verifier.verify(token, 'poc.local', TEST_NOW_MS);
    const again = verifier.verify(token, 'poc.local', TEST_NOW_MS + 1);
    expect(again).not.toBeInstanceOf(Promise);
    expect(await ask(token, verifier, (NOW_S + 300) * 1000 + CLOCK_SKEW_MS)).toBe('token_expired');
    expect((await verifier.verify(token, 'elsewhere', TEST_NOW_MS)).ok).toBe(false);
  });

  it('does not cache what was verified against a bundle that is gone', async () => {
    const verifier = verifierOf();
    const token = await makeJwtSvid(key, ID);
    const underWay = verifier.verify(token, 'poc.local', TEST_NOW_MS);
    verifier.reloadBundle(jwtBundleText(makeJwtAuthority('k2')), 'bundle.json');
    await underWay;
    expect(await ask(token, verifier)).toBe('kid_unknown');
  });

  it('forgets the oldest when the cache is full', async () => {
    const verifier = verifierOf();
    const tokens = await Promise.all(Array.from({ length: 6 }, (_, n) => makeJwtSvid(key, ID, { claims: { jti: String(n) } })));
    for (const token of tokens) await verifier.verify(token, 'poc.local', TEST_NOW_MS);
    const cached = tokens.map((token) => !(verifier.verify(token, 'poc.local', TEST_NOW_MS) instanceof Promise));
    expect(cached.filter(Boolean).length).toBeLessThanOrEqual(4);
    expect(cached.at(-1)).toBe(true);
  });

  it('refuses every token without a bundle', async () => {
    const verifier = createJwtSvidVerifier({ audiences: ['precinct'], cacheEntries: 4 });
    expect(await ask(await makeJwtSvid(key, ID), verifier)).toBe('bearer_not_configured');
  });
});

describe('parseJwtBundle', () => {
  const keys = (...list: unknown[]): string => JSON.stringify({ keys: list });
  const rsa1024 = { kty: 'RSA', kid: 'r', use: 'jwt-svid', e: 'AQAB', n: Buffer.alloc(128, 0xff).toString('base64url') };

  it('takes one with a byte order mark', () => {
    expect([...parseJwtBundle(`\ufeff${jwtBundleText(key)}`, 'f').keys()]).toEqual([key.kid]);
  });

  it('takes only keys marked for JWT-SVIDs', () => {
    const bundle = parseJwtBundle(keys({ ...key.jwk, use: 'x509-svid' }, { ...key.jwk, kid: 'k0', use: 'sig' }, { kty: 'new', use: 'later' }, key.jwk), 'f');
    expect([...bundle.keys()]).toEqual(['k1']);
  });

  it('passes over keys of kinds that sign no JWT-SVID', () => {
    const others = [{ kty: 'OKP', crv: 'Ed25519', x: 'AAAA' }, { kty: 'EC', crv: 'secp256k1', x: 'AAAA', y: 'AAAA' }, { kty: 'AKP', alg: 'ML-DSA-44', pub: 'AAAA' }];
    const bundle = parseJwtBundle(keys(...others.map((one, at) => ({ ...one, kid: `o${at}`, use: 'jwt-svid' })), key.jwk), 'f');
    expect([...bundle.keys()]).toEqual(['k1']);
  });

  it.each([
    ['', 'not JSON'], ['[]', 'no object'], ['{}', 'no keys'], [keys(), 'empty'], [keys({ ...key.jwk, use: undefined }), 'no use'],
    [keys({ ...key.jwk, kid: undefined }), 'no kid'], [keys(key.jwk, key.jwk), 'kid twice'], [keys({ kty: 'oct', k: 'AAAA', kid: 'k', use: 'jwt-svid' }), 'symmetric'],
    [keys({ ...key.jwk, d: 'AAAA' }), 'private'], [keys({ ...key.jwk, crv: 'secp256k1' }), 'other curve'], [keys({ ...key.jwk, x: 'AAAA' }), 'not on the curve'],
    [keys({ ...key.jwk, alg: 'none' }), 'alg none'], [keys(rsa1024), 'short RSA'], [keys({ kty: 'OKP', crv: 'Ed25519', x: 'AAAA', kid: 'k', use: 'jwt-svid' }), 'Ed25519'],
  ])('refuses %j (%s)', (text) => {
    expect(() => parseJwtBundle(text, 'f')).toThrow(ConfigFault);
  });
});
