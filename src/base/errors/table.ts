// The one error table: every code a caller can see, with its step, status, public text and remedy (SPEC sections 2, 3).
// Types, docs/error-codes.md and the CLI's `audit explain` come from it; a test compares them.

export interface ErrorRow {
  /** HTTP status of the refusal for a caller that is not an MCP client. */
  readonly status: number;
  /** 0 = admission, 1–13 = the layer, 14 = the response firewall and the upstream leg, 15 = the gateway itself. */
  readonly step: number;
  readonly middleware: string;
  /** Whether the identical call may succeed later without anybody changing anything. */
  readonly retryable: boolean;
  /** Public text; says nothing of the gateway's insides. */
  readonly message: string;
  readonly remediation: string;
}

function row(step: number, middleware: string, status: number, retryable: boolean, message: string, remediation: string): ErrorRow {
  return { status, step, middleware, retryable, message, remediation };
}

export const ERRORS = {
  gateway_overloaded: row(0, 'admission', 503, true, 'The gateway is shedding load.', 'Retry after the time in Retry-After.'),
  origin_rejected: row(0, 'admission', 403, false, 'The Origin or Host header names a site this gateway does not serve.', 'Call the gateway by a configured public name, or add it to front.allowed_hosts or front.allowed_origins.'),
  session_not_found: row(0, 'admission', 404, false, 'No such MCP session for this caller.', 'Send initialize again to open a new session.'),
  request_too_large: row(1, 'request_size_limit', 413, false, 'The request body is larger than the gateway accepts.', 'Send less, or raise front.body_bytes_max.'),
  mcp_invalid_request: row(2, 'shape_validator', 400, false, 'The body is not one valid JSON-RPC 2.0 message.', 'Send strict UTF-8 JSON: one JSON-RPC 2.0 object, no duplicate keys, the protocol\'s members spelled as in the specification.'),
  auth_missing_identity: row(3, 'spiffe_auth', 401, false, 'No identity was presented.', 'Present an X.509-SVID (mTLS) or a JWT-SVID; in the dev profile X-SPIFFE-ID or /as/<agent>/<env> from loopback.'),
  auth_invalid_identity: row(3, 'spiffe_auth', 401, false, 'The identity presented is not valid here.', 'Check the SPIFFE ID, its trust domain and its registration with: agw identity list.'),
  auth_invalid_bearer_token: row(3, 'spiffe_auth', 401, false, 'The bearer token is not valid here.', 'Fetch a new JWT-SVID whose audience is this gateway.'),
  audit_unavailable_fail_closed: row(4, 'audit_log', 503, true, 'The decision could not be recorded, so nothing was forwarded.', 'Check the audit disk: agw doctor.'),
  registry_tool_unknown: row(5, 'tool_registry_verify', 403, false, 'The tool is not registered.', 'Register it: agw tools add --from URL, or edit the capability registry.'),
  registry_hash_mismatch: row(5, 'tool_registry_verify', 403, false, 'The tool changed since it was registered.', 'See what changed with agw tools diff NAME, then register it again if the change is wanted.'),
  registry_tool_unverified: row(5, 'tool_registry_verify', 503, true, 'The tool\'s definition could not be verified with its server.', 'Check that the upstream answers tools/list: agw doctor.'),
  authz_policy_denied: row(6, 'opa_policy', 403, false, 'No policy permits this combination.', 'See agw policy eval --caller ID --tool NAME --method METHOD, then add an allow rule and agw policy reload.'),
  principal_level_insufficient: row(6, 'opa_policy', 403, false, 'The caller\'s principal level is too low.', 'Give the caller an identity below /agents/: the path of a SPIFFE ID gives its level, and this path gives none.'),
  authz_evaluation_error: row(6, 'opa_policy', 500, false, 'The policy could not be evaluated, so the call is refused.', 'Check the policies with agw policy test.'),
  dlp_credentials_detected: row(7, 'dlp_scan', 403, false, 'The request holds a credential.', 'Remove it; pass secrets by reference: $SPIKE{ref:…}.'),
  dlp_injection_blocked: row(7, 'dlp_scan', 403, false, 'The request holds injected instructions.', 'Remove the text the finding points at.'),
  dlp_pii_blocked: row(7, 'dlp_scan', 403, false, 'The request holds personal data.', 'Remove the data the finding points at.'),
  dlp_unavailable_fail_closed: row(7, 'dlp_scan', 503, true, 'The request could not be scanned, so it is refused.', 'Retry; if it stays, see agw doctor.'),
  exfiltration_detected: row(8, 'session_context', 403, false, 'Sensitive data was read and this call would send data out.', 'Let a person review the session; the taint ends with its time-to-live.'),
  session_unavailable_fail_closed: row(8, 'session_context', 503, true, 'Session state is unavailable, so the call is refused.', 'Retry; if it stays, see agw doctor.'),
  stepup_approval_required: row(9, 'step_up_gating', 403, true, 'A person must approve this call first.', 'Ask an approver to run the command in details, then repeat the identical call, in the same MCP session if it came in one: a client that reconnects asks anew.'),
  stepup_denied: row(9, 'step_up_gating', 403, false, 'The call\'s risk is too high, or a person denied it.', 'Lower the risk of the call, or ask the approver why.'),
  stepup_destination_blocked: row(9, 'step_up_gating', 403, false, 'The destination is not on an allowlist.', 'Add it to the tool\'s allowed_destinations or to destinations.yaml.'),
  stepup_guard_blocked: row(9, 'step_up_gating', 403, false, 'The guard model judged the call unsafe.', 'Change the call\'s content.'),
  stepup_unavailable_fail_closed: row(9, 'step_up_gating', 503, true, 'Step-up state is unavailable, so the call is refused.', 'Retry; if it stays, see agw doctor.'),
  deepscan_blocked: row(10, 'deep_scan', 403, false, 'The guard model judged the content unsafe.', 'Change the call\'s content.'),
  deepscan_unavailable_fail_closed: row(10, 'deep_scan', 503, true, 'The guard model is unavailable, so the call is refused.', 'Check guard.url: agw doctor.'),
  ratelimit_exceeded: row(11, 'rate_limit', 429, true, 'Too many calls.', 'Retry after the time in Retry-After.'),
  ratelimit_unavailable_fail_closed: row(11, 'rate_limit', 503, true, 'The rate limiter is unavailable, so the call is refused.', 'Retry; if it stays, see agw doctor.'),
  circuit_open: row(12, 'circuit_breaker', 503, true, 'The tool\'s server keeps failing; calls are paused.', 'Retry after the time in Retry-After.'),
  circuit_unavailable_fail_closed: row(12, 'circuit_breaker', 503, true, 'The circuit breaker is unavailable, so the call is refused.', 'Retry; if it stays, see agw doctor.'),
  invalid_spike_token: row(13, 'token_substitution', 400, false, 'A $SPIKE reference is malformed.', 'Write $SPIKE{ref:<ref>[,exp:<seconds>][,scope:<scope>]}.'),
  token_scope_failed: row(13, 'token_substitution', 403, false, 'The secret\'s scope is not the tool\'s required scope.', 'Compare the scopes in details: store the secret with the tool\'s required_scope, or set required_scope in the registry.'),
  token_ownership_failed: row(13, 'token_substitution', 403, false, 'The secret belongs to another caller.', 'Issue a reference for this caller.'),
  token_expired: row(13, 'token_substitution', 401, false, 'The secret reference has expired.', 'Issue a new reference: agw secret issue.'),
  token_redemption_failed: row(13, 'token_substitution', 500, false, 'The secret could not be redeemed.', 'Check that the reference exists (agw secret list), and that the store can be read (agw doctor); then issue a new one: agw secret issue.'),
  response_blocked: row(14, 'response_firewall', 502, false, 'The tool\'s answer was withheld.', 'See the findings: agw audit explain DECISION_ID.'),
  mcp_transport_failed: row(14, 'mcp_transport', 502, true, 'The tool\'s server could not be reached.', 'Check the upstream: agw doctor.'),
  mcp_request_failed: row(14, 'mcp_transport', 502, false, 'The tool\'s server refused the request.', 'Check the upstream\'s log.'),
  mcp_invalid_response: row(14, 'mcp_transport', 502, false, 'The tool\'s server did not answer with valid MCP.', 'Check the upstream\'s log.'),
  mcp_timeout: row(14, 'mcp_transport', 504, true, 'The tool\'s server did not answer in time.', 'Retry, or raise the tool\'s timeout_ms.'),
  client_disconnected: row(15, 'gateway', 499, false, 'The client hung up.', 'Nothing to do: record only.'),
  gateway_fault: row(15, 'gateway', 500, true, 'The gateway failed.', 'Retry; report the decision id.'),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}

/** The names of the 13 layers, index = step − 1. */
export const LAYER_NAMES = [
  'request_size_limit', 'shape_validator', 'spiffe_auth', 'audit_log', 'tool_registry_verify', 'opa_policy', 'dlp_scan',
  'session_context', 'step_up_gating', 'deep_scan', 'rate_limit', 'circuit_breaker', 'token_substitution',
] as const;

/** JSON-RPC and MCP protocol errors keep the specs' own numbers (JSON-RPC 2.0 section 5.1; MCP 2026-07-28). */
export const RPC = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  headerMismatch: -32020,
  missingCapability: -32021,
  unsupportedVersion: -32022,
} as const;
