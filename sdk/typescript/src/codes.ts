// The gateway's refusal codes. Generated from the gateway's error table: node scripts/generate-docs.mjs.

export type FamilyName =
  | 'AdmissionError'
  | 'InvalidRequestError'
  | 'AuthenticationError'
  | 'AuditError'
  | 'RegistryError'
  | 'AuthorizationError'
  | 'DLPViolationError'
  | 'SessionRiskError'
  | 'StepUpError'
  | 'DeepScanError'
  | 'RateLimitError'
  | 'CircuitBreakerError'
  | 'SecretError'
  | 'UpstreamError'
  | 'GatewayFaultError';

/** What the gateway's table says of a code. */
export interface CodeRow {
  readonly family: FamilyName;
  readonly step: number;
  readonly middleware: string;
  /** HTTP status of the refusal for a caller that is not an MCP client. */
  readonly status: number;
}

export const CODES = {
  gateway_overloaded: { family: 'AdmissionError', step: 0, middleware: 'admission', status: 503 },
  origin_rejected: { family: 'AdmissionError', step: 0, middleware: 'admission', status: 403 },
  session_not_found: { family: 'AdmissionError', step: 0, middleware: 'admission', status: 404 },
  request_too_large: { family: 'InvalidRequestError', step: 1, middleware: 'request_size_limit', status: 413 },
  mcp_invalid_request: { family: 'InvalidRequestError', step: 2, middleware: 'shape_validator', status: 400 },
  auth_missing_identity: { family: 'AuthenticationError', step: 3, middleware: 'spiffe_auth', status: 401 },
  auth_invalid_identity: { family: 'AuthenticationError', step: 3, middleware: 'spiffe_auth', status: 401 },
  auth_invalid_bearer_token: { family: 'AuthenticationError', step: 3, middleware: 'spiffe_auth', status: 401 },
  audit_unavailable_fail_closed: { family: 'AuditError', step: 4, middleware: 'audit_log', status: 503 },
  registry_tool_unknown: { family: 'RegistryError', step: 5, middleware: 'tool_registry_verify', status: 403 },
  registry_hash_mismatch: { family: 'RegistryError', step: 5, middleware: 'tool_registry_verify', status: 403 },
  registry_tool_unverified: { family: 'RegistryError', step: 5, middleware: 'tool_registry_verify', status: 503 },
  authz_policy_denied: { family: 'AuthorizationError', step: 6, middleware: 'opa_policy', status: 403 },
  principal_level_insufficient: { family: 'AuthorizationError', step: 6, middleware: 'opa_policy', status: 403 },
  authz_evaluation_error: { family: 'AuthorizationError', step: 6, middleware: 'opa_policy', status: 500 },
  dlp_credentials_detected: { family: 'DLPViolationError', step: 7, middleware: 'dlp_scan', status: 403 },
  dlp_injection_blocked: { family: 'DLPViolationError', step: 7, middleware: 'dlp_scan', status: 403 },
  dlp_pii_blocked: { family: 'DLPViolationError', step: 7, middleware: 'dlp_scan', status: 403 },
  dlp_unavailable_fail_closed: { family: 'DLPViolationError', step: 7, middleware: 'dlp_scan', status: 503 },
  exfiltration_detected: { family: 'SessionRiskError', step: 8, middleware: 'session_context', status: 403 },
  session_unavailable_fail_closed: { family: 'SessionRiskError', step: 8, middleware: 'session_context', status: 503 },
  stepup_approval_required: { family: 'StepUpError', step: 9, middleware: 'step_up_gating', status: 403 },
  stepup_denied: { family: 'StepUpError', step: 9, middleware: 'step_up_gating', status: 403 },
  stepup_destination_blocked: { family: 'StepUpError', step: 9, middleware: 'step_up_gating', status: 403 },
  stepup_guard_blocked: { family: 'StepUpError', step: 9, middleware: 'step_up_gating', status: 403 },
  stepup_unavailable_fail_closed: { family: 'StepUpError', step: 9, middleware: 'step_up_gating', status: 503 },
  deepscan_blocked: { family: 'DeepScanError', step: 10, middleware: 'deep_scan', status: 403 },
  deepscan_unavailable_fail_closed: { family: 'DeepScanError', step: 10, middleware: 'deep_scan', status: 503 },
  ratelimit_exceeded: { family: 'RateLimitError', step: 11, middleware: 'rate_limit', status: 429 },
  ratelimit_unavailable_fail_closed: { family: 'RateLimitError', step: 11, middleware: 'rate_limit', status: 503 },
  circuit_open: { family: 'CircuitBreakerError', step: 12, middleware: 'circuit_breaker', status: 503 },
  circuit_unavailable_fail_closed: { family: 'CircuitBreakerError', step: 12, middleware: 'circuit_breaker', status: 503 },
  invalid_spike_token: { family: 'SecretError', step: 13, middleware: 'token_substitution', status: 400 },
  token_scope_failed: { family: 'SecretError', step: 13, middleware: 'token_substitution', status: 403 },
  token_ownership_failed: { family: 'SecretError', step: 13, middleware: 'token_substitution', status: 403 },
  token_expired: { family: 'SecretError', step: 13, middleware: 'token_substitution', status: 401 },
  token_redemption_failed: { family: 'SecretError', step: 13, middleware: 'token_substitution', status: 500 },
  response_blocked: { family: 'UpstreamError', step: 14, middleware: 'response_firewall', status: 502 },
  mcp_transport_failed: { family: 'UpstreamError', step: 14, middleware: 'mcp_transport', status: 502 },
  mcp_request_failed: { family: 'UpstreamError', step: 14, middleware: 'mcp_transport', status: 502 },
  mcp_invalid_response: { family: 'UpstreamError', step: 14, middleware: 'mcp_transport', status: 502 },
  mcp_timeout: { family: 'UpstreamError', step: 14, middleware: 'mcp_transport', status: 504 },
  client_disconnected: { family: 'GatewayFaultError', step: 15, middleware: 'gateway', status: 499 },
  gateway_fault: { family: 'GatewayFaultError', step: 15, middleware: 'gateway', status: 500 },
} as const satisfies Readonly<Record<string, CodeRow>>;

export type RefusalCode = keyof typeof CODES;

export const FAMILY_OF_STEP: ReadonlyMap<number, FamilyName> = new Map<number, FamilyName>([
  [0, 'AdmissionError'],
  [1, 'InvalidRequestError'],
  [2, 'InvalidRequestError'],
  [3, 'AuthenticationError'],
  [4, 'AuditError'],
  [5, 'RegistryError'],
  [6, 'AuthorizationError'],
  [7, 'DLPViolationError'],
  [8, 'SessionRiskError'],
  [9, 'StepUpError'],
  [10, 'DeepScanError'],
  [11, 'RateLimitError'],
  [12, 'CircuitBreakerError'],
  [13, 'SecretError'],
  [14, 'UpstreamError'],
  [15, 'GatewayFaultError'],
]);

export const RPC = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  headerMismatch: -32020,
  missingCapability: -32021,
  unsupportedVersion: -32022,
} as const;
