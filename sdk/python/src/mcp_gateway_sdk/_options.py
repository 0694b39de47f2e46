"""What a client is made with, read once and checked."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ._gateway_url import GatewayURL
from ._trace import TraceSource
from .errors import ConfigurationError

MODERN = "2026-07-28"
LEGACY = "2025-11-25"
ERAS = ("auto", MODERN, LEGACY)

DEFAULT_TIMEOUT_S = 30.0
DEFAULT_RETRIES = 3
DEFAULT_BACKOFF_S = 1.0
DEFAULT_ANSWER_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Options:
    """Of one client."""

    url: GatewayURL
    gateway_spiffe_id: str | None
    """None = the gateway is known by its host name."""
    era: str
    timeout: float
    max_retries: int
    backoff_base: float
    wait_for_approval: float
    """Seconds; 0 = off."""
    on_approval_requested: Callable[..., Any] | None
    traceparent: TraceSource
    client_name: str
    client_version: str
    max_answer_bytes: int

    @property
    def is_modern(self) -> bool:
        return self.era != LEGACY


@dataclass(frozen=True, slots=True)
class CallOptions:
    """Of one call."""

    timeout: float
    wait_for_approval: float
    idempotent: bool = False
    on_progress: Callable[..., Any] | None = None
    on_approval_requested: Callable[..., Any] | None = None
    streams: bool = False
    """Progress and log messages are events of the call itself."""
    meta: Mapping[str, str] = field(default_factory=dict)
    """Members of the caller's own `_meta`, as JSON texts."""
    progress_token: Any = None


def read_era(era: str) -> str:
    if era not in ERAS:
        raise ConfigurationError(f"era is one of {', '.join(ERAS)}.")
    return MODERN if era == "auto" else era


def read_seconds(name: str, value: float | None, default: float, *, zero: bool = False) -> float:
    """None = the default; math.inf = no end."""
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value) or value < 0 or (value == 0 and not zero):
        raise ConfigurationError(f"{name} is a number of seconds{' from 0' if zero else ', more than 0'}.")
    return float(value)


def read_count(name: str, value: int, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigurationError(f"{name} is a whole number from {least}.")
    return value
