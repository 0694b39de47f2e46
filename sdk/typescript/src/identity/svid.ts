// What an SVID says of itself. Nothing is verified here: the gateway does that.
import { X509Certificate } from 'node:crypto';
import { ConfigurationError } from '../errors.js';
import { numberOf, objectOf, parseJson, textOf } from '../json.js';

const SPIFFE_ID = /^spiffe:\/\/[a-z0-9._-]{1,255}(?:\/[A-Za-z0-9._-]+)*$/;
const SPIFFE_ID_CHARS_MAX = 2048;
/** Three parts of base64url: what else could break the header it goes into. */
const COMPACT_JWT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
const URI_NAME = 'URI:';

export function checkSpiffeId(id: string, what: string): string {
  if (typeof id === 'string' && id.length <= SPIFFE_ID_CHARS_MAX && SPIFFE_ID.test(id)) return id;
  throw new ConfigurationError(`${what} is no SPIFFE ID: spiffe://<trust domain>/<path>.`);
}

/** The token as it goes out; the message never holds it. */
export function checkToken(token: string, what: string): string {
  const trimmed = typeof token === 'string' ? token.trim() : '';
  if (COMPACT_JWT.test(trimmed)) return trimmed;
  throw new ConfigurationError(`${what} is no JWT-SVID in its compact form.`);
}

export interface TokenFacts {
  readonly spiffeId: string | undefined;
  /** Milliseconds; undefined = it does not say. */
  readonly expiresMs: number | undefined;
  readonly issuedMs: number | undefined;
}

export function tokenFacts(token: string): TokenFacts {
  const claims = objectOf(parseJson(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')));
  const subject = textOf(claims['sub']);
  const ms = (claim: string): number | undefined => {
    const seconds = numberOf(claims[claim]);
    return seconds === undefined ? undefined : seconds * 1000;
  };
  return { spiffeId: subject !== undefined && SPIFFE_ID.test(subject) ? subject : undefined, expiresMs: ms('exp'), issuedMs: ms('iat') };
}

/** The SPIFFE ID of the first certificate of a PEM text; undefined = it has none. */
export function certificateId(pem: string): string | undefined {
  try {
    return uriNames(new X509Certificate(pem)).find((name) => SPIFFE_ID.test(name));
  } catch {
    return undefined;
  }
}

export function uriNames(certificate: X509Certificate): string[] {
  // Node quotes a name that holds a comma, so that none can pass for two.
  return (certificate.subjectAltName ?? '').split(', ').filter((name) => name.startsWith(URI_NAME)).map((name) => name.slice(URI_NAME.length));
}
