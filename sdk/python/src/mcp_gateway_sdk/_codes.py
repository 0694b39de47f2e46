"""The gateway's refusal codes. Generated from the gateway's error table: node scripts/generate-docs.mjs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class CodeRow(NamedTuple):
    """What the gateway's table says of a code."""

    family: str
    step: int
    middleware: str
    status: int
    """HTTP status of the refusal for a caller that is not an MCP client."""


CODES: Final[Mapping[str, CodeRow]] = {
    "gateway_overloaded": CodeRow("AdmissionError", 0, "admission", 503),
    "origin_rejected": CodeRow("AdmissionError", 0, "admission", 403),
    "session_not_found": CodeRow("AdmissionError", 0, "admission", 404),
    "request_too_large": CodeRow("InvalidRequestError", 1, "request_size_limit", 413),
    "mcp_invalid_request": CodeRow("InvalidRequestError", 2, "shape_validator", 400),
    "auth_missing_identity": CodeRow("AuthenticationError", 3, "spiffe_auth", 401),
    "auth_invalid_identity": CodeRow("AuthenticationError", 3, "spiffe_auth", 401),
    "auth_invalid_bearer_token": CodeRow("AuthenticationError", 3, "spiffe_auth", 401),
    "audit_unavailable_fail_closed": CodeRow("AuditError", 4, "audit_log", 503),
    "registry_tool_unknown": CodeRow("RegistryError", 5, "tool_registry_verify", 403),
    "registry_hash_mismatch": CodeRow("RegistryError", 5, "tool_registry_verify", 403),
    "registry_tool_unverified": CodeRow("RegistryError", 5, "tool_registry_verify", 503),
    "authz_policy_denied": CodeRow("AuthorizationError", 6, "opa_policy", 403),
    "principal_level_insufficient": CodeRow("AuthorizationError", 6, "opa_policy", 403),
    "authz_evaluation_error": CodeRow("AuthorizationError", 6, "opa_policy", 500),
    "dlp_credentials_detected": CodeRow("DLPViolationError", 7, "dlp_scan", 403),
    "dlp_injection_blocked": CodeRow("DLPViolationError", 7, "dlp_scan", 403),
    "dlp_pii_blocked": CodeRow("DLPViolationError", 7, "dlp_scan", 403),
    "dlp_unavailable_fail_closed": CodeRow("DLPViolationError", 7, "dlp_scan", 503),
    "exfiltration_detected": CodeRow("SessionRiskError", 8, "session_context", 403),
    "session_unavailable_fail_closed": CodeRow("SessionRiskError", 8, "session_context", 503),
    "stepup_approval_required": CodeRow("StepUpError", 9, "step_up_gating", 403),
    "stepup_denied": CodeRow("StepUpError", 9, "step_up_gating", 403),
    "stepup_destination_blocked": CodeRow("StepUpError", 9, "step_up_gating", 403),
    "stepup_guard_blocked": CodeRow("StepUpError", 9, "step_up_gating", 403),
    "stepup_unavailable_fail_closed": CodeRow("StepUpError", 9, "step_up_gating", 503),
    "deepscan_blocked": CodeRow("DeepScanError", 10, "deep_scan", 403),
    "deepscan_unavailable_fail_closed": CodeRow("DeepScanError", 10, "deep_scan", 503),
    "ratelimit_exceeded": CodeRow("RateLimitError", 11, "rate_limit", 429),
    "ratelimit_unavailable_fail_closed": CodeRow("RateLimitError", 11, "rate_limit", 503),
    "circuit_open": CodeRow("CircuitBreakerError", 12, "circuit_breaker", 503),
    "circuit_unavailable_fail_closed": CodeRow("CircuitBreakerError", 12, "circuit_breaker", 503),
    "invalid_spike_token": CodeRow("SecretError", 13, "token_substitution", 400),
    "token_scope_failed": CodeRow("SecretError", 13, "token_substitution", 403),
    "token_ownership_failed": CodeRow("SecretError", 13, "token_substitution", 403),
    "token_expired": CodeRow("SecretError", 13, "token_substitution", 401),
    "token_redemption_failed": CodeRow("SecretError", 13, "token_substitution", 500),
    "response_blocked": CodeRow("UpstreamError", 14, "response_firewall", 502),
    "mcp_transport_failed": CodeRow("UpstreamError", 14, "mcp_transport", 502),
    "mcp_request_failed": CodeRow("UpstreamError", 14, "mcp_transport", 502),
    "mcp_invalid_response": CodeRow("UpstreamError", 14, "mcp_transport", 502),
    "mcp_timeout": CodeRow("UpstreamError", 14, "mcp_transport", 504),
    "client_disconnected": CodeRow("GatewayFaultError", 15, "gateway", 499),
    "gateway_fault": CodeRow("GatewayFaultError", 15, "gateway", 500),
}

FAMILY_OF_STEP: Final[Mapping[int, str]] = {
    0: "AdmissionError",
    1: "InvalidRequestError",
    2: "InvalidRequestError",
    3: "AuthenticationError",
    4: "AuditError",
    5: "RegistryError",
    6: "AuthorizationError",
    7: "DLPViolationError",
    8: "SessionRiskError",
    9: "StepUpError",
    10: "DeepScanError",
    11: "RateLimitError",
    12: "CircuitBreakerError",
    13: "SecretError",
    14: "UpstreamError",
    15: "GatewayFaultError",
}

RPC_PARSE_ERROR: Final = -32700
RPC_INVALID_REQUEST: Final = -32600
RPC_METHOD_NOT_FOUND: Final = -32601
RPC_INVALID_PARAMS: Final = -32602
RPC_HEADER_MISMATCH: Final = -32020
RPC_MISSING_CAPABILITY: Final = -32021
RPC_UNSUPPORTED_VERSION: Final = -32022
