"""One exception class for each family of refusals. Generated from the gateway's error table: node scripts/generate-docs.mjs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ._gateway_error import GatewayError


class AdmissionError(GatewayError):
    """A refusal of admission: load, Host and Origin, sessions.

    Codes: gateway_overloaded, origin_rejected, session_not_found."""


class InvalidRequestError(GatewayError):
    """A refusal of the size limit or the shape validator.

    Codes: request_too_large, mcp_invalid_request."""


class AuthenticationError(GatewayError):
    """A refusal of the SPIFFE identity layer.

    Codes: auth_missing_identity, auth_invalid_identity, auth_invalid_bearer_token."""


class AuditError(GatewayError):
    """A refusal of the audit log.

    Codes: audit_unavailable_fail_closed."""


class RegistryError(GatewayError):
    """A refusal of the tool registry.

    Codes: registry_tool_unknown, registry_hash_mismatch, registry_tool_unverified."""


class AuthorizationError(GatewayError):
    """A refusal of the policy.

    Codes: authz_policy_denied, principal_level_insufficient, authz_evaluation_error."""


class DLPViolationError(GatewayError):
    """A refusal of the DLP scan.

    Codes: dlp_credentials_detected, dlp_injection_blocked, dlp_pii_blocked, dlp_unavailable_fail_closed."""


class SessionRiskError(GatewayError):
    """A refusal of the session's risk.

    Codes: exfiltration_detected, session_unavailable_fail_closed."""


class StepUpError(GatewayError):
    """A refusal of step-up approval.

    Codes: stepup_approval_required, stepup_denied, stepup_destination_blocked, stepup_guard_blocked, stepup_unavailable_fail_closed."""


class DeepScanError(GatewayError):
    """A refusal of the deep scan.

    Codes: deepscan_blocked, deepscan_unavailable_fail_closed."""


class RateLimitError(GatewayError):
    """A refusal of the rate limit.

    Codes: ratelimit_exceeded, ratelimit_unavailable_fail_closed."""


class CircuitBreakerError(GatewayError):
    """A refusal of the circuit breaker.

    Codes: circuit_open, circuit_unavailable_fail_closed."""


class SecretError(GatewayError):
    """A refusal of the substitution of secret references.

    Codes: invalid_spike_token, token_scope_failed, token_ownership_failed, token_expired, token_redemption_failed."""


class UpstreamError(GatewayError):
    """A refusal of the response firewall or the way to the tool server.

    Codes: response_blocked, mcp_transport_failed, mcp_request_failed, mcp_invalid_response, mcp_timeout."""


class GatewayFaultError(GatewayError):
    """A refusal of the gateway itself.

    Codes: client_disconnected, gateway_fault."""


FAMILIES: Final[Mapping[str, type[GatewayError]]] = {
    "AdmissionError": AdmissionError,
    "InvalidRequestError": InvalidRequestError,
    "AuthenticationError": AuthenticationError,
    "AuditError": AuditError,
    "RegistryError": RegistryError,
    "AuthorizationError": AuthorizationError,
    "DLPViolationError": DLPViolationError,
    "SessionRiskError": SessionRiskError,
    "StepUpError": StepUpError,
    "DeepScanError": DeepScanError,
    "RateLimitError": RateLimitError,
    "CircuitBreakerError": CircuitBreakerError,
    "SecretError": SecretError,
    "UpstreamError": UpstreamError,
    "GatewayFaultError": GatewayFaultError,
}
