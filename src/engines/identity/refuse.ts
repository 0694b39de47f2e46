// Refusals of layer 3, made in one place so that none of them can carry the evidence itself.
import { reasonText } from '../../base/errors/reasons.js';
import type { IdentityRefusal } from './types.js';

const CERTIFICATE_EXPIRED = 'certificate_expired';

export type Refused = { readonly ok: false } & IdentityRefusal;

/** No evidence, or none that counts here. */
export function missing(reasonCode: string, message?: string): Refused {
  return refused('auth_missing_identity', reasonCode, message);
}

/** Evidence of an identity that may not call. */
export function invalid(reasonCode: string, message?: string, remediation?: string): Refused {
  const refusal = refused('auth_invalid_identity', reasonCode, message);
  return remediation === undefined ? refusal : { ...refusal, remediation };
}

/** TLS shows it for as long as the connection lasts, and a client that keeps asking would keep the connection. */
export function certificateExpired(): Refused {
  return { ...invalid(CERTIFICATE_EXPIRED), ...reasonText('auth_invalid_identity', CERTIFICATE_EXPIRED), endsConnection: true };
}

/** A bearer token that proves nothing. */
export function invalidBearer(reasonCode: string, message?: string): Refused {
  return refused('auth_invalid_bearer_token', reasonCode, message);
}

function refused(code: IdentityRefusal['code'], reasonCode: string, message: string | undefined): Refused {
  return message === undefined ? { ok: false, code, reasonCode } : { ok: false, code, reasonCode, message };
}
