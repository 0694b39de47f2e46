"""Writes requests: JSON texts, `_meta`, and the headers that go with them in either era."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ._options import MODERN, Options
from ._param_headers import ParamMark, encoded, param_headers
from ._secret_ref import SecretRef, wire_text
from .errors import ConfigurationError

ACCEPT = "application/json, text/event-stream"
_META = "io.modelcontextprotocol/"
_NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}


@dataclass(frozen=True, slots=True, repr=False)
class Question:
    """One request before it has an id: its repetitions have the same bytes."""

    method: str
    params: str
    """Members of params as JSON text, without braces and `_meta`."""
    name: str | None = None
    """What Mcp-Name says."""
    tool: str | None = None
    arguments: Mapping[str, Any] | None = None
    """For Mcp-Param-*; a copy of the caller's."""


@dataclass(frozen=True, slots=True)
class SessionState:
    """An MCP session of 2025-11-25. Without an id the server keeps none."""

    id: str | None
    version: str


def json_text(value: object) -> str:
    """Raises ConfigurationError, which names no value."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_written)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"The arguments cannot be written as JSON ({type(error).__name__}).") from None
    return text


def _written(value: object) -> str:
    if isinstance(value, SecretRef):
        return wire_text(value)
    raise TypeError


def question(method: str, params: Mapping[str, Any] | None) -> Question:
    """`_meta` in params is the caller's own business of CallOptions.meta."""
    members = {key: value for key, value in (params or {}).items() if key != "_meta"}
    by = _NAMED_BY.get(method)
    name = members.get(by) if by is not None else None
    if by is not None and not isinstance(name, str):
        raise ConfigurationError(f"{method} needs {by}, a string.")
    arguments = members.get("arguments") if method == "tools/call" else None
    if arguments is not None and not isinstance(arguments, Mapping):
        raise ConfigurationError("arguments is an object.")
    return Question(
        method,
        json_text(members)[1:-1],
        name,
        name if method == "tools/call" else None,
        None if arguments is None else _copied(arguments),
    )


def _copied(value: Any) -> Any:
    return {key: _copied(each) for key, each in value.items()} if isinstance(value, Mapping) else value


def meta_members(meta: Mapping[str, Any] | None) -> dict[str, str]:
    """The caller's own `_meta`, as JSON texts."""
    return {} if meta is None else {key: json_text(value) for key, value in meta.items()}


def client_info(options: Options) -> dict[str, str]:
    return {"name": options.client_name, "version": options.client_version}


def request_body(request_id: int, asked: Question, meta: Mapping[str, str]) -> bytes:
    written = ",".join(f"{json.dumps(key)}:{value}" for key, value in meta.items())
    params = ",".join(part for part in (asked.params, f'"_meta":{{{written}}}' if written else "") if part)
    return f'{{"jsonrpc":"2.0","id":{request_id},"method":{json.dumps(asked.method)},"params":{{{params}}}}}'.encode()


def modern_meta(options: Options, own: Mapping[str, str]) -> dict[str, str]:
    """What the era asks for cannot be replaced by the caller."""
    return {
        **own,
        f"{_META}protocolVersion": json.dumps(MODERN),
        f"{_META}clientInfo": json_text(client_info(options)),
        f"{_META}clientCapabilities": own.get(f"{_META}clientCapabilities", "{}"),
    }


LOG_LEVEL = f"{_META}logLevel"


def modern_headers(asked: Question, marks: tuple[ParamMark, ...]) -> dict[str, str]:
    headers = {"MCP-Protocol-Version": MODERN, "Mcp-Method": asked.method}
    if asked.name is not None:
        headers["Mcp-Name"] = encoded(asked.name)
    if asked.arguments is not None:
        headers.update(param_headers(marks, asked.arguments))
    return headers


def session_headers(session: SessionState) -> dict[str, str]:
    headers = {"MCP-Protocol-Version": session.version}
    if session.id is not None:
        headers["Mcp-Session-Id"] = session.id
    return headers
