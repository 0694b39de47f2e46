"""Every exception of this package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ._families import (
    FAMILIES,
    AdmissionError,
    AuditError,
    AuthenticationError,
    AuthorizationError,
    CircuitBreakerError,
    DeepScanError,
    DLPViolationError,
    GatewayFaultError,
    InvalidRequestError,
    RateLimitError,
    RegistryError,
    SecretError,
    SessionRiskError,
    StepUpError,
    UpstreamError,
)
from ._gateway_error import GatewayError, PrecinctError, shown

if TYPE_CHECKING:
    from ._result import ToolResult

__all__ = [
    "FAMILIES",
    "AdmissionError",
    "ApprovalTimeoutError",
    "AuditError",
    "AuthenticationError",
    "AuthorizationError",
    "CallTimeoutError",
    "CircuitBreakerError",
    "ConfigurationError",
    "DLPViolationError",
    "DeepScanError",
    "GatewayError",
    "GatewayFaultError",
    "InputRequiredError",
    "InvalidRequestError",
    "PrecinctError",
    "ProtocolError",
    "RateLimitError",
    "RegistryError",
    "SecretError",
    "SessionExpiredError",
    "SessionRiskError",
    "StepUpError",
    "ToolError",
    "TransportError",
    "UpstreamError",
]


class ConfigurationError(PrecinctError, ValueError):
    """The client cannot be made, or the call cannot be written, with what was given."""


class ProtocolError(PrecinctError):
    """A JSON-RPC error that is no refusal of the gateway, such as -32602 of the tool server."""

    def __init__(
        self, rpc_code: int | None, message: str, *, data: Any = None, trace_id: str | None = None, http_status: int | None = None
    ) -> None:
        self.rpc_code = rpc_code
        self.message = message
        self.data = data
        self.trace_id = trace_id
        self.http_status = http_status
        super().__init__(shown(message if rpc_code is None else f"JSON-RPC error {rpc_code}: {message}"))


class TransportError(PrecinctError):
    """No MCP answer came: the connection failed, or something else than a gateway answered."""

    def __init__(
        self,
        message: str,
        *,
        may_have_run: bool,
        http_status: int | None = None,
        content_type: str | None = None,
        trace_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.message = message
        self.may_have_run = may_have_run
        """False only where the request cannot have reached a tool server whole."""
        self.http_status = http_status
        self.content_type = content_type
        self.trace_id = trace_id
        self.retry_after = retry_after
        super().__init__(shown(message))


class CallTimeoutError(PrecinctError, TimeoutError):
    """The call's time is over. In either era the gateway was told, and cancels the call at the tool server."""

    def __init__(self, message: str, *, may_have_run: bool, trace_id: str | None = None) -> None:
        self.message = message
        self.may_have_run = may_have_run
        self.trace_id = trace_id
        super().__init__(message)


class SessionExpiredError(AdmissionError):
    """The gateway no longer knows the MCP session. Nothing has run; what the session held (approvals, subscriptions) is gone."""


class InputRequiredError(PrecinctError):
    """The tool server asks first (2026-07-28). Repeat the call with `input_responses` and this `request_state`."""

    def __init__(self, input_requests: Mapping[str, Any], request_state: str | None, *, trace_id: str | None = None) -> None:
        self.input_requests = input_requests
        self.request_state = request_state
        self.trace_id = trace_id
        super().__init__(shown(f"input is required first: {', '.join(input_requests) or 'none named'}"))


class ToolError(PrecinctError):
    """The tool ran and says that it failed; raised by `ToolResult.raise_on_error()` alone."""

    def __init__(self, result: ToolResult) -> None:
        self.result = result
        self.message = result.text
        """What the tool says. It may hold anything of the call, and so it is not in str()."""
        self.trace_id = result.trace_id
        super().__init__(f"the tool says that it failed; the record: agw audit explain {result.trace_id}")


class ApprovalTimeoutError(StepUpError):
    """Nobody has decided within `wait_for_approval`; the request stays open in the gateway until it expires."""

    @property
    def command(self) -> str | None:
        """What an approver runs."""
        found = self.details.get("command")
        return found if isinstance(found, str) else None

    @property
    def expires_at(self) -> str | None:
        found = self.details.get("expires_at")
        return found if isinstance(found, str) else None
