// The trust domain's JWT authorities: a JWK set as in SPIFFE_Trust_Domain_and_Bundle section 4, of which only `use: jwt-svid` counts.
import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import * as z from 'zod';
import { ConfigFault, WHOLE_FILE } from '../../base/config/fault.js';

/** RFC 7518 section 3.3. */
const RSA_BITS_MIN = 2048;
const KEYS_MAX = 1_000;
const REMEDY = 'Put the trust domain\'s JWT authorities there: spire-server bundle show -format spiffe.';

/** Every algorithm a JWT-SVID may be signed with (JWT-SVID section 2.1). */
export const SVID_ALGORITHMS: readonly string[] = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512'];
const ALGORITHM_OF_CURVE: Readonly<Record<string, string>> = { 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512' };

export interface JwtAuthority {
  readonly key: KeyObject;
  /** Of SVID_ALGORITHMS, those this key can have signed with. */
  readonly algorithms: readonly string[];
}
export type JwtBundle = ReadonlyMap<string, JwtAuthority>;

const jwkSchema = z.looseObject({
  kty: z.string(),
  use: z.string().optional(),
  kid: z.string().optional(),
  alg: z.string().optional(),
  crv: z.string().optional(),
  d: z.unknown().optional(),
});
const bundleSchema = z.looseObject({ keys: z.array(jwkSchema).max(KEYS_MAX) });
type Jwk = z.infer<typeof jwkSchema>;

/** Throws ConfigFault. Keys of other uses (x509-svid, sig) are ignored, as the standard says, and those of kinds that sign no JWT-SVID (RFC 7517 section 5): nothing passes by them. */
export function parseJwtBundle(text: string, file: string): JwtBundle {
  const parsed = bundleSchema.safeParse(parseJson(text, file));
  if (!parsed.success) throw faultOf('the JWT bundle is not a JWK set with a list `keys`.', file);
  const bundle = new Map<string, JwtAuthority>();
  for (const jwk of parsed.data.keys.filter((key) => key.use === 'jwt-svid' && !isOfOtherKind(key))) {
    const kid = jwk.kid ?? '';
    if (kid === '') throw faultOf('a jwt-svid key has no kid.', file);
    if (bundle.has(kid)) throw faultOf(`two jwt-svid keys have the kid ${JSON.stringify(kid.slice(0, 100))}.`, file);
    bundle.set(kid, readAuthority(jwk, kid, file));
  }
  if (bundle.size === 0) throw faultOf('the JWT bundle has no key with `use: jwt-svid` of a kind that signs them.', file);
  return bundle;
}

/** An editor's byte order mark is no fault: YAML files may have one, too. */
function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text.replace(/^\ufeff/, '')) as unknown;
  } catch {
    throw faultOf('the JWT bundle is not JSON.', file);
  }
}

/** A secret (oct) is none of them: in a published set it is a fault. */
function isOfOtherKind({ kty, crv, d }: Jwk): boolean {
  return d === undefined && kty !== 'oct' && kty !== 'RSA' && !(kty === 'EC' && ALGORITHM_OF_CURVE[crv ?? ''] !== undefined);
}

function readAuthority(jwk: Jwk, kid: string, file: string): JwtAuthority {
  const named = `key ${JSON.stringify(kid.slice(0, 100))}`;
  if (jwk.d !== undefined) throw faultOf(`${named} is a private key.`, file, 'Publish the public half alone, and replace the key: it has been seen.');
  const algorithms = algorithmsOf(jwk);
  if (algorithms.length === 0) throw faultOf(`${named} is for none of ${SVID_ALGORITHMS.join(', ')}.`, file);
  const key = importKey(jwk, named, file);
  const bits = key.asymmetricKeyDetails?.modulusLength;
  if (bits !== undefined && bits < RSA_BITS_MIN) throw faultOf(`${named} has ${bits} bits, fewer than ${RSA_BITS_MIN}.`, file);
  return { key, algorithms };
}

function importKey(jwk: Jwk, named: string, file: string): KeyObject {
  try {
    return createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' });
  } catch {
    throw faultOf(`${named} cannot be read.`, file);
  }
}

/** Keys are bound to the algorithms of their own kind, so that a header can't choose another. */
function algorithmsOf(jwk: Jwk): string[] {
  const ofCurve = ALGORITHM_OF_CURVE[jwk.crv ?? ''];
  const ofKind = jwk.kty === 'RSA' ? SVID_ALGORITHMS.filter((name) => !name.startsWith('ES')) : jwk.kty === 'EC' && ofCurve !== undefined ? [ofCurve] : [];
  return jwk.alg === undefined ? ofKind : ofKind.filter((name) => name === jwk.alg);
}

function faultOf(message: string, file: string, remedy = REMEDY): ConfigFault {
  return new ConfigFault(message, { file, ...WHOLE_FILE, remedy });
}
