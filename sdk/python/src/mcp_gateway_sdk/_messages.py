"""Reads what came back: JSON-RPC messages, refusals in their three shapes, and what is neither."""

from __future__ import annotations

import json
import re
from calendar import timegm
from collections.abc import Mapping
from email.utils import parsedate_tz
from typing import Any

from ._codes import CODES, FAMILY_OF_STEP
from ._result import LogMessage, Progress, ToolResult
from .errors import FAMILIES, GatewayError, InputRequiredError, ProtocolError, SessionExpiredError, TransportError

Json = dict[str, Any]

SESSION_NOT_FOUND = "session_not_found"
_STATUS_NOT_FOUND = 404
_RETRY_STATUSES = frozenset({429, 503})
_LAST_STEP_BEFORE_UPSTREAM = 12
_SECONDS = re.compile(r"[0-9]+")
_HTTP_DATE = re.compile(r"[A-Z][a-z]{2,8},? [A-Za-z0-9 :-]{10,40}")


def parsed(text: bytes) -> Json | None:
    """One JSON object, or None."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def media_type(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def retry_after_header(headers: Mapping[str, str], now: float) -> float | None:
    """Either form of RFC 9110, section 10.2.3; a date is one from now, of the wall clock."""
    text = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(text) is not None:
        return float(text)
    at = parsedate_tz(text) if _HTTP_DATE.fullmatch(text) is not None else None
    try:
        return None if at is None else max(0.0, timegm(at[:9]) - (at[9] or 0) - now)
    except (ValueError, OverflowError):
        return None  # the 99th of a month


def _longest(*said: float | None) -> float | None:
    return max((seconds for seconds in said if seconds is not None), default=None)


def raise_error(message: Json, status: int, headers: Mapping[str, str], trace_id: str, now: float) -> None:
    """Raises what a message says went wrong; returns where nothing did."""
    error = message.get("error")
    if not isinstance(error, dict):
        envelope = message if "result" not in message and _is_envelope(message) else None
        if envelope is None:
            return
        raise _refusal(envelope, None, status, retry_after_header(headers, now), trace_id)
    data = error.get("data")
    rpc_code = error.get("code") if type(error.get("code")) is int else None
    if isinstance(data, dict) and _is_envelope(data):
        raise _refusal(data, rpc_code, status, retry_after_header(headers, now), trace_id)
    raise ProtocolError(rpc_code, _text(error.get("message")) or "no message", data=data, trace_id=trace_id, http_status=status)


def _is_envelope(data: Json) -> bool:
    """A tool server's own error data is none: the gateway's names the decision."""
    return isinstance(data.get("code"), str) and isinstance(data.get("decision_id"), str) and "middleware" in data


def _refusal(envelope: Json, rpc_code: int | None, status: int, after: float | None, trace_id: str) -> GatewayError:
    code = envelope["code"]
    step = envelope.get("middleware_step")
    step = step if type(step) is int else None
    details = envelope.get("details")
    details = details if isinstance(details, dict) else {}
    # A later session of this caller is another one, which the caller has to know.
    kind = SessionExpiredError if code == SESSION_NOT_FOUND else _family(code, step)
    return kind(
        code,
        _text(envelope.get("message")) or "refused",
        step=step,
        middleware=_text(envelope.get("middleware")),
        reason_code=_text(envelope.get("reason_code")),
        decision_id=_text(envelope.get("decision_id")),
        trace_id=_text(envelope.get("trace_id")) or trace_id,
        details=details,
        remediation=_text(envelope.get("remediation")),
        docs_url=_text(envelope.get("docs_url")),
        retry_after=_longest(after, _seconds(envelope.get("retry_after")), _seconds(details.get("retry_after_seconds"))),
        http_status=status,
        rpc_code=rpc_code,
    )


def _family(code: str, step: int | None) -> type[GatewayError]:
    row = CODES.get(code)
    name = row.family if row is not None else FAMILY_OF_STEP.get(-1 if step is None else step, "")
    return FAMILIES.get(name, GatewayError)


def is_retryable(refusal: GatewayError) -> bool:
    """503 and 429 of the gateway itself, from before anything went to a tool server."""
    if refusal.step is None or refusal.step > _LAST_STEP_BEFORE_UPSTREAM:
        return False
    return refusal.http_status in _RETRY_STATUSES or refusal.rpc_code in _RETRY_STATUSES


def is_bare_retryable(fault: TransportError) -> bool:
    """A lost connection, or 503 or 429 of something before the gateway: the call may have run."""
    return fault.http_status is None or fault.http_status in _RETRY_STATUSES


def not_mcp(status: int, headers: Mapping[str, str], trace_id: str, now: float) -> TransportError:
    kind = media_type(headers)
    return TransportError(
        f"HTTP {status} with something that is not MCP ({kind or 'no content type'}): is gateway_url a PRECINCT gateway?",
        may_have_run=True,
        http_status=status,
        content_type=kind or None,
        trace_id=trace_id,
        retry_after=retry_after_header(headers, now),
    )


def lost_session(status: int, trace_id: str) -> SessionExpiredError | None:
    """404 without a JSON-RPC error ends a session, too."""
    if status != _STATUS_NOT_FOUND:
        return None
    return SessionExpiredError(SESSION_NOT_FOUND, "No such MCP session.", trace_id=trace_id, http_status=status)


def result_of(message: Json, trace_id: str) -> Json:
    """The result of a response without an error. Raises InputRequiredError for one that asks."""
    result = message["result"]
    if result.get("resultType") == "input_required":
        requests = result.get("inputRequests")
        raise InputRequiredError(requests if isinstance(requests, dict) else {}, _text(result.get("requestState")), trace_id=trace_id)
    return result  # type: ignore[no-any-return]


def tool_result(result: Json, trace_id: str) -> ToolResult:
    """Raises TransportError for what is no result of a tool."""
    content = result.get("content", [])
    if not isinstance(content, list) or not all(isinstance(block, dict) for block in content):
        raise TransportError(
            "The answer is not the result of a tool: its content is no list of blocks.", may_have_run=True, trace_id=trace_id
        )
    meta = result.get("_meta")
    return ToolResult(
        content=content,
        structured_content=result.get("structuredContent"),
        is_error=result.get("isError") is True,
        meta=meta if isinstance(meta, dict) else {},
        trace_id=trace_id,
    )


def event_of(message: Json, progress_token: object) -> Progress | LogMessage | None:
    """What a notification says of this call; None for others."""
    params = message.get("params")
    if not isinstance(params, dict):
        return None
    match message.get("method"):
        case "notifications/progress":
            progress = _number(params.get("progress"))
            if progress is None or params.get("progressToken") != progress_token:
                return None
            return Progress(progress, _number(params.get("total")), _text(params.get("message")))
        case "notifications/message":
            return LogMessage(_text(params.get("level")) or "info", params.get("data"), _text(params.get("logger")))
    return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _seconds(value: object) -> float | None:
    number = _number(value)
    return number if number is not None and 0 <= number < float("inf") else None
