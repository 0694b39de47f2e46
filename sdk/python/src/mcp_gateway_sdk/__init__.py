"""Client of the PRECINCT gateway.

    from mcp_gateway_sdk import GatewayClient

    async with GatewayClient(gateway_url="http://localhost:9090") as client:
        result = await client.call_tool("my_tool", {"query": "hello"})

SyncGatewayClient is the same without async.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from ._result import ApprovalRequest, Identity, LogMessage, Progress, ToolResult
    from ._secret_ref import SecretRef, secret_ref
    from .client import GatewayClient, Session
    from .errors import (
        AdmissionError,
        ApprovalTimeoutError,
        AuditError,
        AuthenticationError,
        AuthorizationError,
        CallTimeoutError,
        CircuitBreakerError,
        ConfigurationError,
        DeepScanError,
        DLPViolationError,
        GatewayError,
        GatewayFaultError,
        InputRequiredError,
        InvalidRequestError,
        PrecinctError,
        ProtocolError,
        RateLimitError,
        RegistryError,
        SecretError,
        SessionExpiredError,
        SessionRiskError,
        StepUpError,
        ToolError,
        TransportError,
        UpstreamError,
    )
    from .sync_client import SyncGatewayClient, SyncSession

__all__ = [
    "AdmissionError",
    "ApprovalRequest",
    "ApprovalTimeoutError",
    "AuditError",
    "AuthenticationError",
    "AuthorizationError",
    "CallTimeoutError",
    "CircuitBreakerError",
    "ConfigurationError",
    "DLPViolationError",
    "DeepScanError",
    "GatewayClient",
    "GatewayError",
    "GatewayFaultError",
    "Identity",
    "InputRequiredError",
    "InvalidRequestError",
    "LogMessage",
    "PrecinctError",
    "Progress",
    "ProtocolError",
    "RateLimitError",
    "RegistryError",
    "SecretError",
    "SecretRef",
    "Session",
    "SessionExpiredError",
    "SessionRiskError",
    "StepUpError",
    "SyncGatewayClient",
    "SyncSession",
    "ToolError",
    "ToolResult",
    "TransportError",
    "UpstreamError",
    "__version__",
    "secret_ref",
]

_ELSEWHERE = {
    "client": ("GatewayClient", "Session"),
    "sync_client": ("SyncGatewayClient", "SyncSession"),
    "_result": ("ApprovalRequest", "Identity", "LogMessage", "Progress", "ToolResult"),
    "_secret_ref": ("SecretRef", "secret_ref"),
}
_HOME = {name: module for module, names in _ELSEWHERE.items() for name in names}


def __getattr__(name: str) -> Any:
    """Each name is loaded when it is first asked for: a program of one client does not wait for the other."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOME.get(name, 'errors')}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
