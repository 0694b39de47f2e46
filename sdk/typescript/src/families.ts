// One error class for each family of refusals. Generated from the gateway's error table: node scripts/generate-docs.mjs.
import type { FamilyName } from './codes.js';
import { GatewayError } from './gateway-error.js';

/** A refusal of admission: load, Host and Origin, sessions. Codes: gateway_overloaded, origin_rejected, session_not_found. */
export class AdmissionError extends GatewayError {
  override readonly name: string = 'AdmissionError';
}

/** A refusal of the size limit or the shape validator. Codes: request_too_large, mcp_invalid_request. */
export class InvalidRequestError extends GatewayError {
  override readonly name: string = 'InvalidRequestError';
}

/** A refusal of the SPIFFE identity layer. Codes: auth_missing_identity, auth_invalid_identity, auth_invalid_bearer_token. */
export class AuthenticationError extends GatewayError {
  override readonly name: string = 'AuthenticationError';
}

/** A refusal of the audit log. Codes: audit_unavailable_fail_closed. */
export class AuditError extends GatewayError {
  override readonly name: string = 'AuditError';
}

/** A refusal of the tool registry. Codes: registry_tool_unknown, registry_hash_mismatch, registry_tool_unverified. */
export class RegistryError extends GatewayError {
  override readonly name: string = 'RegistryError';
}

/** A refusal of the policy. Codes: authz_policy_denied, principal_level_insufficient, authz_evaluation_error. */
export class AuthorizationError extends GatewayError {
  override readonly name: string = 'AuthorizationError';
}

/** A refusal of the DLP scan. Codes: dlp_credentials_detected, dlp_injection_blocked, dlp_pii_blocked, dlp_unavailable_fail_closed. */
export class DLPViolationError extends GatewayError {
  override readonly name: string = 'DLPViolationError';
}

/** A refusal of the session's risk. Codes: exfiltration_detected, session_unavailable_fail_closed. */
export class SessionRiskError extends GatewayError {
  override readonly name: string = 'SessionRiskError';
}

/** A refusal of step-up approval. Codes: stepup_approval_required, stepup_denied, stepup_destination_blocked, stepup_guard_blocked, stepup_unavailable_fail_closed. */
export class StepUpError extends GatewayError {
  override readonly name: string = 'StepUpError';
}

/** A refusal of the deep scan. Codes: deepscan_blocked, deepscan_unavailable_fail_closed. */
export class DeepScanError extends GatewayError {
  override readonly name: string = 'DeepScanError';
}

/** A refusal of the rate limit. Codes: ratelimit_exceeded, ratelimit_unavailable_fail_closed. */
export class RateLimitError extends GatewayError {
  override readonly name: string = 'RateLimitError';
}

/** A refusal of the circuit breaker. Codes: circuit_open, circuit_unavailable_fail_closed. */
export class CircuitBreakerError extends GatewayError {
  override readonly name: string = 'CircuitBreakerError';
}

/** A refusal of the substitution of secret references. Codes: invalid_spike_token, token_scope_failed, token_ownership_failed, token_expired, token_redemption_failed. */
export class SecretError extends GatewayError {
  override readonly name: string = 'SecretError';
}

/** A refusal of the response firewall or the way to the tool server. Codes: response_blocked, mcp_transport_failed, mcp_request_failed, mcp_invalid_response, mcp_timeout. */
export class UpstreamError extends GatewayError {
  override readonly name: string = 'UpstreamError';
}

/** A refusal of the gateway itself. Codes: client_disconnected, gateway_fault. */
export class GatewayFaultError extends GatewayError {
  override readonly name: string = 'GatewayFaultError';
}

export const FAMILIES: Readonly<Record<FamilyName, typeof GatewayError>> = {
  AdmissionError,
  InvalidRequestError,
  AuthenticationError,
  AuditError,
  RegistryError,
  AuthorizationError,
  DLPViolationError,
  SessionRiskError,
  StepUpError,
  DeepScanError,
  RateLimitError,
  CircuitBreakerError,
  SecretError,
  UpstreamError,
  GatewayFaultError,
};
