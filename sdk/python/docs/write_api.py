"""Writes docs/api.md from the package itself: python docs/write_api.py. A test compares."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "src"))

import mcp_gateway_sdk
from mcp_gateway_sdk import GatewayClient, Session, SyncGatewayClient, SyncSession
from mcp_gateway_sdk._codes import CODES

HERE = Path(__file__).parent
LINE_CHARS = 100
CLIENTS = (GatewayClient, SyncGatewayClient)
SESSIONS = (Session, SyncSession)

# What each parameter means, wherever it stands. One that is missing here fails the test.
MEANINGS = {
    "gateway_url": "The gateway's URL, posted to as it is (path `/` where it has none). Default: `PRECINCT_GATEWAY_URL`, else `http://localhost:9090`.",
    "spiffe_id": "Sent as `X-SPIFFE-ID`: the dev profile takes it from loopback. Beside a certificate or a token it is a label only.",
    "jwt_svid": "A JWT-SVID, or a function that gives one for each request (in the asynchronous client it may be async).",
    "cert_file": "PEM, leaf first: presented to an https gateway. Read again when it changes.",
    "key_file": "PEM, without a password: the key of `cert_file`.",
    "ca_file": "PEM: who may have signed the gateway's certificate. Default: `PRECINCT_CA_FILE`, the bundle, the system's.",
    "workload_api": "Socket of the SPIFFE Workload API, `unix:///path` or a path. Default: `SPIFFE_ENDPOINT_SOCKET`. Needs the extra `[spiffe]`.",
    "gateway_spiffe_id": "The gateway's certificate must be of this SPIFFE ID, instead of its host name.",
    "audience": "Of JWT-SVIDs that are fetched. Default: the gateway's origin.",
    "era": "`auto` (2026-07-28, no handshake), `2026-07-28` or `2025-11-25` (a session, opened by the client itself).",
    "timeout": "Seconds for a whole call, its repetitions included, but not the wait for a person; `math.inf` = no end. None = the client's.",
    "max_retries": "How often a refusal with 503 or 429 is repeated.",
    "backoff_base": "Seconds: the n-th repetition waits a random time up to this times 2ⁿ, or the gateway's `Retry-After` if that is longer; 60 s at most.",
    "wait_for_approval": "Seconds at most that a call waits for a person; 0 = off. None = the client's, which is off.",
    "on_approval_requested": "Called once with the ApprovalRequest that a waiting call has opened.",
    "http_client": "An httpx client of the caller's own, which stays open. TLS is then its business: no certificate is presented by this package.",
    "traceparent": "A W3C traceparent, or a function that gives one. Default: that of OpenTelemetry's active span, else a new one for each call; what is no traceparent is not sent on.",
    "client_name": "What the client calls itself to servers.",
    "client_version": "And of which version it is.",
    "max_answer_bytes": "An answer, or one event of a stream, that is larger is an error.",
    "name": "Of the tool or prompt.",
    "arguments": "JSON values, and SecretRef anywhere among them.",
    "uri": "Of the resource.",
    "method": "Of MCP.",
    "params": "Without `_meta`: see `meta`.",
    "idempotent": "True: a call that may have run (connection lost, a bare 503 or 429) is repeated, too.",
    "on_progress": "Called with each Progress; in the asynchronous client it may be async.",
    "meta": "Members of `_meta`; the protocol's own cannot be replaced.",
    "input_responses": "Answers to the `input_requests` of an InputRequiredError.",
    "request_state": "That error's, as it came.",
    "on_request": "Answers what a server asks in the session: (method, params) → result. NotImplementedError or None is told as -32601.",
    "capabilities": "What the session's client can do. Default with `on_request`: elicitation, roots and sampling; without: none.",
    "ref": "As `agw secret issue` gives it.",
    "expires_in": "Seconds after issue at which this use ends.",
    "scope": "Narrows the tool's own scope.",
}  # fmt: skip


def page() -> str:
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# mcp_gateway_sdk: every name and parameter"
    yield ""
    yield "Generated from the package: `python docs/write_api.py`. What it is for is in the [README](../README.md)."
    yield ""
    yield "`SyncGatewayClient` and `SyncSession` have the same methods and parameters without `async` (`close()` for `aclose()`, `with` for `async with`)."
    yield from _class(GatewayClient, SyncGatewayClient)
    yield from _class(Session, SyncSession)
    yield from _function(mcp_gateway_sdk.secret_ref)
    for name in ("SecretRef", "ToolResult", "Progress", "LogMessage", "ApprovalRequest", "Identity"):
        yield from _value(getattr(mcp_gateway_sdk, name))
    yield from _errors()
    yield from _parameters()


def _class(kind: type[Any], twin: type[Any]) -> Iterator[str]:
    yield from ("", f"## {kind.__name__}, {twin.__name__}", "", _doc(kind), "")
    if kind in CLIENTS:
        yield from ("```python", _signature(kind.__init__, kind.__name__), "```", "")
    for name, member in _public(kind):
        if isinstance(member, property):
            yield from (f"**`{name}`**: {_doc(member)}", "")
        else:
            word = "async def " if inspect.iscoroutinefunction(member) else "async for … in " if inspect.isasyncgenfunction(member) else ""
            yield from ("```python", f"{word}{_signature(member, name)}", "```", "", _doc(member), "")


def _public(kind: type[Any]) -> Iterator[tuple[str, Any]]:
    """In the order of the source, what is inherited first."""
    for base in reversed(kind.__mro__[:-1]):
        yield from (
            (name, member)
            for name, member in vars(base).items()
            if not name.startswith("_") and (callable(member) or isinstance(member, property))
        )


def _function(function: Any) -> Iterator[str]:
    yield from ("", f"## {function.__name__}", "", "```python", _signature(function, function.__name__), "```", "", _doc(function))


def _value(kind: type[Any]) -> Iterator[str]:
    yield from ("", f"## {kind.__name__}", "", _doc(kind), "")
    if is_dataclass(kind):
        for each in fields(kind):
            yield f"- `{each.name}: {each.type}`{_said_after(kind, each.name)}"
    for name, member in vars(kind).items():
        if isinstance(member, property):
            yield f"- `{name}`: {_doc(member)}"
        elif inspect.isfunction(member) and not name.startswith("_"):
            yield f"- `{_signature(member, name)}`: {_doc(member)}"


def _errors() -> Iterator[str]:
    yield from ("", "## Errors", "", "`GatewayError` and its families have:", "")
    for name in inspect.signature(mcp_gateway_sdk.GatewayError.__init__).parameters:
        if name != "self":
            yield f"- `{name}`{_said_after(mcp_gateway_sdk.GatewayError, name)}"
    yield f"- `request_id`: {_doc(mcp_gateway_sdk.GatewayError.request_id)}"
    yield from ("", "| class | of | what | codes |", "|---|---|---|---|")
    for name in mcp_gateway_sdk.__all__:
        kind = getattr(mcp_gateway_sdk, name)
        if inspect.isclass(kind) and issubclass(kind, Exception):
            codes = ", ".join(f"`{code}`" for code, row in CODES.items() if row.family == name)
            yield f"| `{name}` | `{kind.__mro__[1].__name__}` | {_cell(_doc(kind).split(chr(10) + chr(10))[0])} | {codes} |"
    yield ""
    for name in ("ProtocolError", "TransportError", "CallTimeoutError", "InputRequiredError", "ToolError", "ApprovalTimeoutError"):
        kind = getattr(mcp_gateway_sdk, name)
        own = [each for each in inspect.signature(kind.__init__).parameters if each != "self"] if "__init__" in vars(kind) else []
        own += [each for each, member in vars(kind).items() if isinstance(member, property)]
        yield f"- `{name}`: {', '.join(f'`{each}`' for each in own)}"


def _parameters() -> Iterator[str]:
    yield from ("", "## Parameters", "", "| parameter | meaning |", "|---|---|")
    for name, meaning in MEANINGS.items():
        yield f"| `{name}` | {_cell(meaning)} |"


def parameters() -> set[str]:
    """Of all public functions."""
    functions = [mcp_gateway_sdk.secret_ref, *(kind.__init__ for kind in CLIENTS)]  # type: ignore[misc]
    functions += [member for kind in (*CLIENTS, *SESSIONS) for _, member in _public(kind) if not isinstance(member, property)]
    return {name for function in functions for name in inspect.signature(function).parameters} - {"self"}


def _signature(function: Any, name: str) -> str:
    signature = inspect.signature(function)
    words: list[str] = []
    for each in signature.parameters.values():
        if each.name == "self":
            continue
        if each.kind is each.KEYWORD_ONLY and "*" not in words:
            words.append("*")
        words.append(f"{each.name}: {each.annotation}" + ("" if each.default is each.empty else f" = {each.default!r}"))
    returns = "" if signature.return_annotation in (inspect.Signature.empty, "None") else f" -> {signature.return_annotation}"
    line = f"{name}({', '.join(words)}){returns}"
    return line if len(line) <= LINE_CHARS else f"{name}(\n    " + ",\n    ".join(words) + f",\n){returns}"


def _doc(member: Any) -> str:
    return re.sub(r"(?<!\n)\n(?!\n)", " ", inspect.getdoc(member) or "")


def _said_after(kind: type[Any], name: str) -> str:
    """The text under an attribute in the source."""
    found = re.search(rf'^    {name}:[^\n]*\n    """(.*?)"""', inspect.getsource(kind), re.MULTILINE | re.DOTALL)
    return "" if found is None else f": {' '.join(found[1].split())}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    (HERE / "api.md").write_text(page(), encoding="utf-8")
    sys.exit(0)
