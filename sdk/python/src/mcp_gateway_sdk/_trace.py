"""W3C trace context: the caller's own where there is one, else a new random one."""

from __future__ import annotations

import re
import secrets
import sys
from collections.abc import Callable

TraceSource = str | Callable[[], str | None] | None

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


class Trace:
    """One operation's trace: its repetitions and pages have the same trace id."""

    __slots__ = ("_given", "trace_id")

    def __init__(self, source: TraceSource) -> None:
        self._given = _given(source)
        self.trace_id = self._given[3:35] if self._given is not None else secrets.token_hex(16)

    def traceparent(self) -> str:
        """For one request."""
        return self._given if self._given is not None else f"00-{self.trace_id}-{secrets.token_hex(8)}-01"


def _given(source: TraceSource) -> str | None:
    """What is none is not sent on: no call fails for its trace."""
    text = source() if callable(source) else source
    if text is None:
        return _active()
    return text if isinstance(text, str) and _TRACEPARENT.fullmatch(text) is not None else None


def _active() -> str | None:
    # A program with an active span has imported OpenTelemetry; for others it is not imported.
    api = sys.modules.get("opentelemetry.trace")
    if api is None:
        return None
    context = api.get_current_span().get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}" if context.is_valid else None
