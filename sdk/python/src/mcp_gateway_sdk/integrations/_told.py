"""What a model is told of an answer, and of a refusal."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Literal

from .._gateway_error import remedy_of, shown
from .._result import ToolResult
from ..errors import ConfigurationError, GatewayError, ProtocolError, SessionExpiredError

Refusals = Literal["tell", "raise"]
"""tell: a refusal goes to the model as the tool's failure, and the run goes on. raise: it ends the run, as the typed error."""

REFUSED = (GatewayError, ProtocolError)
"""What can be told. That nobody answered, or in time, is the program's concern, and is always raised."""

_FINDINGS_MAX = 5


def read_refusals(refusals: Refusals) -> Callable[[GatewayError | ProtocolError], bool]:
    """Whether a refusal is told. That a session is over is for who opened it."""
    if refusals not in ("tell", "raise"):
        raise ConfigurationError("refusals is 'tell' or 'raise'.")
    return lambda refusal: refusals == "tell" and not isinstance(refusal, SessionExpiredError)


def refusal_text(error: GatewayError | ProtocolError) -> str:
    """Code, reason and remedy: enough to change what can be changed, and to stop where a person has to decide."""
    if isinstance(error, ProtocolError):
        return shown(f"The call is not possible: {error.message}")
    lines = [f"Refused by the gateway ({error.code}): {error.message}"]
    reason = error.details.get("reason", error.reason_code)
    if isinstance(reason, str) and reason.rstrip(".").lower() != error.message.rstrip(".").lower():
        lines.append(f"Reason: {reason}")
    lines.extend(f"Found: {found}" for found in _findings(error.details.get("findings")))
    remedy = remedy_of(error)
    if remedy is not None:
        lines.append(f"What to do: {remedy}")
    if error.request_id is not None:
        # Not the command that decides it: a model with a shell could be its own approver.
        lines.append(f"Approval request: {error.request_id}. A person decides it.")
    if error.retry_after is not None:
        lines.append(f"Not before {error.retry_after:g} s from now.")
    if error.decision_id is not None:
        lines.append(f"Record: {error.decision_id}")
    return "\n".join(shown(line) for line in lines)


def _findings(findings: object) -> list[str]:
    """Rule and place; the gateway itself says no more than a masked sample."""
    known = [one for one in findings if isinstance(one, Mapping)] if isinstance(findings, list) else []
    return [f"{one.get('rule')} at {one.get('path')}" for one in known[:_FINDINGS_MAX]]


def answer_text(result: ToolResult) -> str:
    """The text blocks; of a result without any, its structured content or its blocks as JSON."""
    if result.text != "":
        return result.text
    return json.dumps(result.content if result.structured_content is None else result.structured_content, ensure_ascii=False)


def block_text(block: Mapping[str, Any]) -> str:
    """A block that a framework has no type for."""
    text = block.get("text")
    return text if block.get("type") == "text" and isinstance(text, str) else json.dumps(block, ensure_ascii=False)


def input_schema(tool: Mapping[str, Any]) -> dict[str, Any]:
    """As the tool server wrote it; providers want `properties` even where there are none."""
    schema = tool.get("inputSchema")
    found = schema if isinstance(schema, dict) else {"type": "object"}
    return found if "properties" in found or found.get("type") != "object" else {**found, "properties": {}}


def description(tool: Mapping[str, Any]) -> str:
    found = tool.get("description")
    return found if isinstance(found, str) else ""
