"""What operations give: the result of a tool, what it says under way, and who the client is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .errors import ToolError


@dataclass(frozen=True, slots=True)
class ToolResult:
    """A tool's answer. Its own failure is an answer too: see `is_error`."""

    content: list[dict[str, Any]]
    """The blocks as they came."""
    structured_content: Any
    """None = there is none."""
    is_error: bool
    meta: Mapping[str, Any]
    trace_id: str
    """Finds the record: agw audit explain TRACE_ID."""

    @property
    def text(self) -> str:
        """The text blocks, joined by newlines."""
        return "\n".join(block["text"] for block in self.content if block.get("type") == "text" and isinstance(block.get("text"), str))

    def raise_on_error(self) -> ToolResult:
        """This result; raises ToolError if the tool says that it failed."""
        if self.is_error:
            raise ToolError(self)
        return self


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a call is."""

    progress: float
    total: float | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class LogMessage:
    """A line of log that the tool server sends with a call."""

    level: str
    data: Any
    logger: str | None = None


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """What a person is asked to decide."""

    request_id: str
    command: str | None
    """What an approver runs."""
    expires_at: str | None
    """RFC 3339."""


IdentitySource = Literal["argument", "environment", "workload_api_x509", "workload_api_jwt", "files", "none"]


@dataclass(frozen=True, slots=True)
class Identity:
    """Where the client's identity comes from; never the credential."""

    source: IdentitySource
    spiffe_id: str | None = None
    """None = not known here: a token of the caller's own is not looked into, and the Workload API may not have been asked yet."""
