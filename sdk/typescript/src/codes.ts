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
  /** Whether the identical call may succeed later without anybody changing anything. */
  readonly retryable: boolean;
}

export const CODES = {
  gateway_overloaded: { family: 'AdmissionError', step: 0, middleware: 'admission', status: 503, retryable: true },
  origin_rejected: { family: 'AdmissionError', step: 0, middleware: 'admission', status: 403, retryable: false },
  session_not_found: { family: 'AdmissionError', step: 0, middleware: 'admission', status: 404, retryable: false },
  request_too_large: { family: 'InvalidRequestError', step: 1, middleware: 'request_size_limit', status: 413, retryable: false },
  mcp_invalid_request: { family: 'InvalidRequestError', step: 2, middleware: 'shape_validator', status: 400, retryable: false },
  auth_missing_identity: { family: 'AuthenticationError', step: 3, middleware: 'spiffe_auth', status: 401, retryable: false },
  auth_invalid_identity: { family: 'AuthenticationError', step: 3, middleware: 'spiffe_auth', status: 401, retryable: false },
  auth_invalid_bearer_token: { family: 'AuthenticationError', step: 3, middleware: 'spiffe_auth', status: 401, retryable: false },
  audit_unavailable_fail_closed: { family: 'AuditError', step: 4, middleware: 'audit_log', status: 503, retryable: true },
  registry_tool_unknown: { family: 'RegistryError', step: 5, middleware: 'tool_registry_verify', status: 403, retryable: false },
  registry_hash_mismatch: { family: 'RegistryError', step: 5, middleware: 'tool_registry_verify', status: 403, retryable: false },
  registry_tool_unverified: { family: 'RegistryError', step: 5, middleware: 'tool_registry_verify', status: 503, retryable: true },
  authz_policy_denied: { family: 'AuthorizationError', step: 6, middleware: 'opa_policy', status: 403, retryable: false },
  principal_level_insufficient: { family: 'AuthorizationError', step: 6, middleware: 'opa_policy', status: 403, retryable: false },
  authz_evaluation_error: { family: 'AuthorizationError', step: 6, middleware: 'opa_policy', status: 500, retryable: false },
  dlp_credentials_detected: { family: 'DLPViolationError', step: 7, middleware: 'dlp_scan', status: 403, retryable: false },
  dlp_injection_blocked: { family: 'DLPViolationError', step: 7, middleware: 'dlp_scan', status: 403, retryable: false },
  dlp_pii_blocked: { family: 'DLPViolationError', step: 7, middleware: 'dlp_scan', status: 403, retryable: false },
  dlp_unavailable_fail_closed: { family: 'DLPViolationError', step: 7, middleware: 'dlp_scan', status: 503, retryable: true },
  exfiltration_detected: { family: 'SessionRiskError', step: 8, middleware: 'session_context', status: 403, retryable: false },
  session_unavailable_fail_closed: { family: 'SessionRiskError', step: 8, middleware: 'session_context', status: 503, retryable: true },
  stepup_approval_required: { family: 'StepUpError', step: 9, middleware: 'step_up_gating', status: 403, retryable: true },
  stepup_denied: { family: 'StepUpError', step: 9, middleware: 'step_up_gating', status: 403, retryable: false },
  stepup_destination_blocked: { family: 'StepUpError', step: 9, middleware: 'step_up_gating', status: 403, retryable: false },
  stepup_guard_blocked: { family: 'StepUpError', step: 9, middleware: 'step_up_gating', status: 403, retryable: false },
  stepup_unavailable_fail_closed: { family: 'StepUpError', step: 9, middleware: 'step_up_gating', status: 503, retryable: true },
  deepscan_blocked: { family: 'DeepScanError', step: 10, middleware: 'deep_scan', status: 403, retryable: false },
  deepscan_unavailable_fail_closed: { family: 'DeepScanError', step: 10, middleware: 'deep_scan', status: 503, retryable: true },
  ratelimit_exceeded: { family: 'RateLimitError', step: 11, middleware: 'rate_limit', status: 429, retryable: true },
  ratelimit_unavailable_fail_closed: { family: 'RateLimitError', step: 11, middleware: 'rate_limit', status: 503, retryable: true },
  circuit_open: { family: 'CircuitBreakerError', step: 12, middleware: 'circuit_breaker', status: 503, retryable: true },
  circuit_unavailable_fail_closed: { family: 'CircuitBreakerError', step: 12, middleware: 'circuit_breaker', status: 503, retryable: true },
  invalid_spike_token: { family: 'SecretError', step: 13, middleware: 'token_substitution', status: 400, retryable: false },
  token_scope_failed: { family: 'SecretError', step: 13, middleware: 'token_substitution', status: 403, retryable: false },
  token_ownership_failed: { family: 'SecretError', step: 13, middleware: 'token_substitution', status: 403, retryable: false },
  token_expired: { family: 'SecretError', step: 13, middleware: 'token_substitution', status: 401, retryable: false },
  token_redemption_failed: { family: 'SecretError', step: 13, middleware: 'token_substitution', status: 500, retryable: false },
  response_blocked: { family: 'UpstreamError', step: 14, middleware: 'response_firewall', status: 502, retryable: false },
  mcp_transport_failed: { family: 'UpstreamError', step: 14, middleware: 'mcp_transport', status: 502, retryable: true },
  mcp_request_failed: { family: 'UpstreamError', step: 14, middleware: 'mcp_transport', status: 502, retryable: false },
  mcp_invalid_response: { family: 'UpstreamError', step: 14, middleware: 'mcp_transport', status: 502, retryable: false },
  mcp_timeout: { family: 'UpstreamError', step: 14, middleware: 'mcp_transport', status: 504, retryable: true },
  client_disconnected: { family: 'GatewayFaultError', step: 15, middleware: 'gateway', status: 499, retryable: false },
  gateway_fault: { family: 'GatewayFaultError', step: 15, middleware: 'gateway', status: 500, retryable: true },
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
