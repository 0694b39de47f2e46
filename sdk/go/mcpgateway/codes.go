// Code generated from the gateway's error table (node scripts/generate-docs.mjs). DO NOT EDIT.

package mcpgateway

// codeRow is what the gateway's table says of a code.
type codeRow struct {
	family     string
	step       int
	middleware string
	status     int // HTTP status of the refusal for a caller that is not an MCP client
}

var codes = map[string]codeRow{
	"gateway_overloaded":                {"AdmissionError", 0, "admission", 503},
	"origin_rejected":                   {"AdmissionError", 0, "admission", 403},
	"session_not_found":                 {"AdmissionError", 0, "admission", 404},
	"request_too_large":                 {"InvalidRequestError", 1, "request_size_limit", 413},
	"mcp_invalid_request":               {"InvalidRequestError", 2, "shape_validator", 400},
	"auth_missing_identity":             {"AuthenticationError", 3, "spiffe_auth", 401},
	"auth_invalid_identity":             {"AuthenticationError", 3, "spiffe_auth", 401},
	"auth_invalid_bearer_token":         {"AuthenticationError", 3, "spiffe_auth", 401},
	"audit_unavailable_fail_closed":     {"AuditError", 4, "audit_log", 503},
	"registry_tool_unknown":             {"RegistryError", 5, "tool_registry_verify", 403},
	"registry_hash_mismatch":            {"RegistryError", 5, "tool_registry_verify", 403},
	"registry_tool_unverified":          {"RegistryError", 5, "tool_registry_verify", 503},
	"authz_policy_denied":               {"AuthorizationError", 6, "opa_policy", 403},
	"principal_level_insufficient":      {"AuthorizationError", 6, "opa_policy", 403},
	"authz_evaluation_error":            {"AuthorizationError", 6, "opa_policy", 500},
	"dlp_credentials_detected":          {"DLPViolationError", 7, "dlp_scan", 403},
	"dlp_injection_blocked":             {"DLPViolationError", 7, "dlp_scan", 403},
	"dlp_pii_blocked":                   {"DLPViolationError", 7, "dlp_scan", 403},
	"dlp_unavailable_fail_closed":       {"DLPViolationError", 7, "dlp_scan", 503},
	"exfiltration_detected":             {"SessionRiskError", 8, "session_context", 403},
	"session_unavailable_fail_closed":   {"SessionRiskError", 8, "session_context", 503},
	"stepup_approval_required":          {"StepUpError", 9, "step_up_gating", 403},
	"stepup_denied":                     {"StepUpError", 9, "step_up_gating", 403},
	"stepup_destination_blocked":        {"StepUpError", 9, "step_up_gating", 403},
	"stepup_guard_blocked":              {"StepUpError", 9, "step_up_gating", 403},
	"stepup_unavailable_fail_closed":    {"StepUpError", 9, "step_up_gating", 503},
	"deepscan_blocked":                  {"DeepScanError", 10, "deep_scan", 403},
	"deepscan_unavailable_fail_closed":  {"DeepScanError", 10, "deep_scan", 503},
	"ratelimit_exceeded":                {"RateLimitError", 11, "rate_limit", 429},
	"ratelimit_unavailable_fail_closed": {"RateLimitError", 11, "rate_limit", 503},
	"circuit_open":                      {"CircuitBreakerError", 12, "circuit_breaker", 503},
	"circuit_unavailable_fail_closed":   {"CircuitBreakerError", 12, "circuit_breaker", 503},
	"invalid_spike_token":               {"SecretError", 13, "token_substitution", 400},
	"token_scope_failed":                {"SecretError", 13, "token_substitution", 403},
	"token_ownership_failed":            {"SecretError", 13, "token_substitution", 403},
	"token_expired":                     {"SecretError", 13, "token_substitution", 401},
	"token_redemption_failed":           {"SecretError", 13, "token_substitution", 500},
	"response_blocked":                  {"UpstreamError", 14, "response_firewall", 502},
	"mcp_transport_failed":              {"UpstreamError", 14, "mcp_transport", 502},
	"mcp_request_failed":                {"UpstreamError", 14, "mcp_transport", 502},
	"mcp_invalid_response":              {"UpstreamError", 14, "mcp_transport", 502},
	"mcp_timeout":                       {"UpstreamError", 14, "mcp_transport", 504},
	"client_disconnected":               {"GatewayFaultError", 15, "gateway", 499},
	"gateway_fault":                     {"GatewayFaultError", 15, "gateway", 500},
}

var familyOfStep = map[int]string{
	0:  "AdmissionError",
	1:  "InvalidRequestError",
	2:  "InvalidRequestError",
	3:  "AuthenticationError",
	4:  "AuditError",
	5:  "RegistryError",
	6:  "AuthorizationError",
	7:  "DLPViolationError",
	8:  "SessionRiskError",
	9:  "StepUpError",
	10: "DeepScanError",
	11: "RateLimitError",
	12: "CircuitBreakerError",
	13: "SecretError",
	14: "UpstreamError",
	15: "GatewayFaultError",
}

const (
	rpcParseError         = -32700
	rpcInvalidRequest     = -32600
	rpcMethodNotFound     = -32601
	rpcInvalidParams      = -32602
	rpcHeaderMismatch     = -32020
	rpcMissingCapability  = -32021
	rpcUnsupportedVersion = -32022
)

// AdmissionError is a refusal of admission: load, Host and Origin, sessions.
//
// Codes: gateway_overloaded, origin_rejected, session_not_found.
type AdmissionError struct{ *GatewayError }

// Unwrap gives the refusal itself.
func (e *AdmissionError) Unwrap() error { return e.GatewayError }

// InvalidRequestError is a refusal of the size limit or the shape validator.
//
// Codes: request_too_large, mcp_invalid_request.
type InvalidRequestError struct{ *GatewayError }

// Unwrap gives the refusal itself.
func (e *InvalidRequestError) Unwrap() error { return e.GatewayError }

// AuthenticationError is a refusal of the SPIFFE identity layer.
//
// Codes: auth_missing_identity, auth_invalid_identity, auth_invalid_bearer_token.
type AuthenticationError struct{ *GatewayError }

// Unwrap gives the refusal itself.
func (e *AuthenticationError) Unwrap() error { return e.GatewayError }

// AuditError is a refusal of the audit log.
//
// Codes: audit_unavailable_fail_closed.
type AuditError struct{ *GatewayError }

// Unwrap gives the refusal itself.
func (e *AuditError) Unwrap() error { return e.GatewayError }

// RegistryError is a refusal of the tool registry.
//
// Codes: registry_tool_unknown, registry_hash_mismatch, registry_tool_unverified.
type RegistryError struct{ *GatewayError }

// Unwrap gives the refusal itself.
func (e *RegistryError) Unwrap() error { return e.GatewayError }

// AuthorizationError is a refusal of the policy.
//
// Codes: authz_policy_denied, principal_level_insufficient, authz_evaluation_error.
type AuthorizationError struct{ *GatewayError }

// Unwrap gives the refusal itself.
func (e *AuthorizationError) Unwrap() error { return e.GatewayError }

// DLPViolationError is a refusal of the DLP scan.
//
// Codes: dlp_credentials_detected, dlp_injection_blocked, dlp_pii_blocked, dlp_unavailable_fail_closed.
type DLPViolationError struct{ *GatewayError }

// Unwrap gives the refusal itself.
func (e *DLPViolationError) Unwrap() error { return e.GatewayError }

// SessionRiskError is a refusal of the session's risk.
//
// Codes: exfiltration_detected, session_unavailable_fail_closed.
type SessionRiskError struct{ *GatewayError }

// Unwrap gives the refusal itself.
func (e *SessionRiskError) Unwrap() error { return e.GatewayError }

// StepUpError is a refusal of step-up approval.
//
// Codes: stepup_approval_required, stepup_denied, stepup_destination_blocked, stepup_guard_blocked, stepup_unavailable_fail_closed.
type StepUpError struct{ *GatewayError }

// Unwrap gives the refusal itself.
func (e *StepUpError) Unwrap() error { return e.GatewayError }

// DeepScanError is a refusal of the deep scan.
//
// Codes: deepscan_blocked, deepscan_unavailable_fail_closed.
type DeepScanError struct{ *GatewayError }

// Unwrap gives the refusal itself.
func (e *DeepScanError) Unwrap() error { return e.GatewayError }

// RateLimitError is a refusal of the rate limit.
//
// Codes: ratelimit_exceeded, ratelimit_unavailable_fail_closed.
type RateLimitError struct{ *GatewayError }

// Unwrap gives the refusal itself.
func (e *RateLimitError) Unwrap() error { return e.GatewayError }

// CircuitBreakerError is a refusal of the circuit breaker.
//
// Codes: circuit_open, circuit_unavailable_fail_closed.
type CircuitBreakerError struct{ *GatewayError }

// Unwrap gives the refusal itself.
func (e *CircuitBreakerError) Unwrap() error { return e.GatewayError }

// SecretError is a refusal of the substitution of secret references.
//
// Codes: invalid_spike_token, token_scope_failed, token_ownership_failed, token_expired, token_redemption_failed.
type SecretError struct{ *GatewayError }

// Unwrap gives the refusal itself.
func (e *SecretError) Unwrap() error { return e.GatewayError }

// UpstreamError is a refusal of the response firewall or the way to the tool server.
//
// Codes: response_blocked, mcp_transport_failed, mcp_request_failed, mcp_invalid_response, mcp_timeout.
type UpstreamError struct{ *GatewayError }

// Unwrap gives the refusal itself.
func (e *UpstreamError) Unwrap() error { return e.GatewayError }

// GatewayFaultError is a refusal of the gateway itself.
//
// Codes: client_disconnected, gateway_fault.
type GatewayFaultError struct{ *GatewayError }

// Unwrap gives the refusal itself.
func (e *GatewayFaultError) Unwrap() error { return e.GatewayError }

// familyError wraps a refusal in its family's type; an unknown family leaves it as it is.
func familyError(family string, refusal *GatewayError) error {
	switch family {
	case "AdmissionError":
		return &AdmissionError{refusal}
	case "InvalidRequestError":
		return &InvalidRequestError{refusal}
	case "AuthenticationError":
		return &AuthenticationError{refusal}
	case "AuditError":
		return &AuditError{refusal}
	case "RegistryError":
		return &RegistryError{refusal}
	case "AuthorizationError":
		return &AuthorizationError{refusal}
	case "DLPViolationError":
		return &DLPViolationError{refusal}
	case "SessionRiskError":
		return &SessionRiskError{refusal}
	case "StepUpError":
		return &StepUpError{refusal}
	case "DeepScanError":
		return &DeepScanError{refusal}
	case "RateLimitError":
		return &RateLimitError{refusal}
	case "CircuitBreakerError":
		return &CircuitBreakerError{refusal}
	case "SecretError":
		return &SecretError{refusal}
	case "UpstreamError":
		return &UpstreamError{refusal}
	case "GatewayFaultError":
		return &GatewayFaultError{refusal}
	default:
		return refusal
	}
}
