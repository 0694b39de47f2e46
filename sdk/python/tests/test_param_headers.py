"""Arguments that travel in headers, too."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_gateway_sdk._param_headers import encoded, param_headers, read_marks

from .support.clients import Kind, ask, perform
from .support.loopback import Loopback, Request, result_for


def marked(name: Any = "Region", kind: str = "string") -> dict[str, Any]:
    return {"type": kind, "x-mcp-header": name}


def schema(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


MARKED = schema(
    region=marked(), count=marked("Count", "integer"), sure=marked("Sure", "boolean"), deep=schema(a=marked("A")), plain={"type": "string"}
)


@pytest.mark.parametrize(
    ("arguments", "headers"),
    [
        (
            {"region": "eu", "count": 3, "sure": True, "deep": {"a": "x y"}, "plain": "p"},
            {"region": "eu", "count": "3", "sure": "true", "a": "x y"},
        ),
        ({}, {}),
        ({"region": None, "count": None}, {}),
        ({"region": "Köln", "deep": {"a": " x"}}, {"region": "=?base64?S8O2bG4=?=", "a": "=?base64?IHg=?="}),
        ({"region": "", "count": 0, "sure": False}, {"region": "=?base64??=", "count": "0", "sure": "false"}),
        ({"region": ["eu"], "deep": "no"}, {}),
    ],
)
def test_each_marked_argument_has_its_header(arguments: dict[str, Any], headers: dict[str, str]) -> None:
    assert param_headers(read_marks(MARKED), arguments) == {f"mcp-param-{name}": value for name, value in headers.items()}


@pytest.mark.parametrize(
    "bad",
    [
        schema(a=marked("not a token")), schema(a=marked(7)), schema(a=marked("A", "object")), schema(a=marked("A", "number")), schema(a=marked("A"), b=marked("a")),
        {"type": "object", "properties": {"a": {"type": "array", "items": marked()}}}, {"anyOf": [schema(a=marked())]}, schema(**{f"p{n}": marked(f"H{n}") for n in range(65)}),
        schema(a=marked(), b={"oneOf": [marked("B")]}), None, [], "x", schema(a="no schema"),
    ],
)  # fmt: skip
def test_marks_that_break_the_rules_are_no_marks_at_all(bad: object) -> None:
    assert read_marks(bad) == ()


@pytest.mark.parametrize(
    ("value", "header"),
    [
        ("plain", "plain"),
        ("two words", "two words"),
        ("=?base64?eA==?=", "=?base64?PT9iYXNlNjQ/ZUE9PT89?="),
        ("tab\t", "=?base64?dGFiCQ==?="),
    ],
)
def test_what_no_header_can_hold_is_encoded(value: str, header: str) -> None:
    assert encoded(value) == header


TOOLS = {"tools": [{"name": "t", "inputSchema": MARKED}]}


def test_marks_are_known_from_a_list(kind: Kind, server: Loopback) -> None:
    server.scripts = [lambda request: request.connection.json(200, {"jsonrpc": "2.0", "id": request.id, "result": TOOLS})]
    perform(
        kind,
        {"gateway_url": server.url},
        ask("list_tools"),
        ask("call_tool", "t", {"region": "eu"}),
        ask("call_tool", "u", {"region": "eu"}),
    )
    assert [request.headers.get("mcp-param-region") for request in server.seen] == [None, "eu", None]


def test_a_refused_call_is_repeated_once_with_what_a_list_has_shown(kind: Kind, server: Loopback) -> None:
    def script(request: Request) -> None:
        if request.rpc_method == "tools/list":
            request.connection.json(200, {"jsonrpc": "2.0", "id": request.id, "result": TOOLS})
        elif request.headers.get("mcp-param-region") == "eu":
            request.connection.json(200, result_for(request))
        else:
            request.connection.json(400, {"jsonrpc": "2.0", "id": request.id, "error": {"code": -32020, "message": "differs"}})

    server.script = script
    (result,) = perform(kind, {"gateway_url": server.url}, ask("call_tool", "t", {"region": "eu"}))
    assert result.text == "fine"
    assert server.rpc_methods == ["tools/call", "tools/list", "tools/call"]


def test_and_no_more_than_once(kind: Kind, server: Loopback) -> None:
    def script(request: Request) -> object:
        if request.rpc_method == "tools/list":
            return request.connection.json(200, {"jsonrpc": "2.0", "id": request.id, "result": TOOLS})
        return request.connection.json(400, {"jsonrpc": "2.0", "id": request.id, "error": {"code": -32020, "message": "differs"}})

    server.script = script
    with pytest.raises(Exception, match="-32020"):
        perform(kind, {"gateway_url": server.url}, ask("call_tool", "t", {"region": "eu"}))
    assert server.rpc_methods == ["tools/call", "tools/list", "tools/call"]
