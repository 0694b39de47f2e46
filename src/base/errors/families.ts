// The families of refusals, one a layer: the SDKs have one class for each (SPEC section 11).
import { ERRORS, type ErrorCode, type ErrorRow } from './table.js';

export interface Family {
  /** What the class is called in every SDK. */
  readonly name: string;
  /** The steps whose codes belong to it. */
  readonly steps: readonly number[];
  /** Whose decision the refusal is; ends the sentence "A refusal of …". */
  readonly of: string;
}

export const FAMILIES = [
  { name: 'AdmissionError', steps: [0], of: 'admission: load, Host and Origin, sessions' },
  { name: 'InvalidRequestError', steps: [1, 2], of: 'the size limit or the shape validator' },
  { name: 'AuthenticationError', steps: [3], of: 'the SPIFFE identity layer' },
  { name: 'AuditError', steps: [4], of: 'the audit log' },
  { name: 'RegistryError', steps: [5], of: 'the tool registry' },
  { name: 'AuthorizationError', steps: [6], of: 'the policy' },
  { name: 'DLPViolationError', steps: [7], of: 'the DLP scan' },
  { name: 'SessionRiskError', steps: [8], of: 'the session\'s risk' },
  { name: 'StepUpError', steps: [9], of: 'step-up approval' },
  { name: 'DeepScanError', steps: [10], of: 'the deep scan' },
  { name: 'RateLimitError', steps: [11], of: 'the rate limit' },
  { name: 'CircuitBreakerError', steps: [12], of: 'the circuit breaker' },
  { name: 'SecretError', steps: [13], of: 'the substitution of secret references' },
  { name: 'UpstreamError', steps: [14], of: 'the response firewall or the way to the tool server' },
  { name: 'GatewayFaultError', steps: [15], of: 'the gateway itself' },
] as const satisfies readonly Family[];

export interface CodeOfFamily {
  readonly code: ErrorCode;
  readonly family: Family;
  readonly row: ErrorRow;
}

/** @throws RangeError when a code's step has no family. */
export function codesOfFamilies(): readonly CodeOfFamily[] {
  return (Object.keys(ERRORS) as ErrorCode[]).map((code) => ({ code, family: familyOf(ERRORS[code].step), row: ERRORS[code] }));
}

function familyOf(step: number): Family {
  const family = (FAMILIES as readonly Family[]).find(({ steps }) => steps.includes(step));
  if (family === undefined) throw new RangeError(`no family has step ${step}`);
  return family;
}
