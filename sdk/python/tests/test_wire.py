"""What goes over the wire, byte by byte where it counts."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import httpx
import pytest

from mcp_gateway_sdk import ConfigurationError, GatewayClient, LogMessage, Progress, ProtocolError, SyncGatewayClient, ToolResult

from .support.clients import Kind, ask, perform
from .support.loopback import Loopback, Request, result_for

SOURCE = Path(__file__).parent.parent / "src"
META = "io.modelcontextprotocol/"


def test_a_call_of_2026_07_28(kind: Kind, server: Loopback) -> None:
    perform(kind, {"gateway_url": server.url, "client_name": "me", "client_version": "9"}, ask("call_tool", "my_tool", {"b": 1, "a": "ü"}))
    (request,) = server.seen
    assert (request.method, request.path) == ("POST", "/")
    assert request.body.decode() == (
        '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"my_tool","arguments":{"b":1,"a":"ü"},'
        f'"_meta":{{"{META}protocolVersion":"2026-07-28","{META}clientInfo":{{"name":"me","version":"9"}},"{META}clientCapabilities":{{}}}}}}}}'
    )
    expected = {
        "content-type": "application/json", "accept": "application/json, text/event-stream", "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call", "mcp-name": "my_tool", "accept-encoding": "identity", "user-agent": "mcp-gateway-sdk-python/0.1.0",
    }  # fmt: skip
    assert {name: request.headers[name] for name in expected} == expected
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", request.headers["traceparent"])
    assert not {"x-spiffe-id", "authorization", "mcp-session-id"} & set(request.headers)


@pytest.mark.parametrize(("path", "sent"), [("", "/"), ("/mcp", "/mcp"), ("/as/a/dev", "/as/a/dev"), ("/?x=1", "/?x=1")])
def test_the_url_is_posted_to_as_it_was_given(server: Loopback, path: str, sent: str) -> None:
    perform("sync", {"gateway_url": server.url.rstrip("/") + path}, ask("call_tool", "t"))
    assert server.seen[0].path == sent


def test_ids_count_from_one(kind: Kind, server: Loopback) -> None:
    perform(kind, {"gateway_url": server.url}, *[ask("call_tool", "t")] * 3)
    assert [request.id for request in server.seen] == [1, 2, 3]
    assert server.connections == 1


def test_the_callers_meta_goes_along_and_replaces_nothing_that_the_era_needs(kind: Kind, server: Loopback) -> None:
    meta = {"mine/job": 7, f"{META}protocolVersion": "1999-01-01", f"{META}clientCapabilities": {"roots": {}}}
    perform(kind, {"gateway_url": server.url}, ask("call_tool", "t", meta=meta))
    sent = server.seen[0].json["params"]["_meta"]
    assert sent["mine/job"] == 7
    assert sent[f"{META}protocolVersion"] == "2026-07-28"
    assert sent[f"{META}clientCapabilities"] == {"roots": {}}


def test_numbers_keep_their_digits(server: Loopback) -> None:
    perform("sync", {"gateway_url": server.url}, ask("call_tool", "t", {"n": 2**70, "f": 0.1, "e": 1e300}))
    assert '"arguments":{"n":1180591620717411303424,"f":0.1,"e":1e+300}' in server.seen[0].body.decode()


@pytest.mark.parametrize("bad", [{"a": float("nan")}, {"a": float("inf")}, {"a": object()}, {"a": "\ud800"}, {("a",): 1}, {"a": {1, 2}}])
def test_arguments_that_are_no_json_are_refused_before_anything_is_sent(kind: Kind, server: Loopback, bad: Any) -> None:
    with pytest.raises(ConfigurationError, match="cannot be written as JSON"):
        perform(kind, {"gateway_url": server.url}, ask("call_tool", "t", bad))
    assert server.seen == []


def test_arguments_that_hold_themselves_are_refused(server: Loopback) -> None:
    loop: dict[str, Any] = {}
    loop["a"] = [loop]
    with pytest.raises(ConfigurationError):
        perform("sync", {"gateway_url": server.url}, ask("call_tool", "t", loop))


def streaming(request: Request) -> None:
    token = request.json["params"].get("_meta", {}).get("progressToken")
    say = request.connection.event
    request.connection.stream()
    say(
        {
            "jsonrpc": "2.0",
            "method": "notifications/progress",
            "params": {"progressToken": token, "progress": 1, "total": 2, "message": "one"},
        }
    )
    say({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": "another", "progress": 9}})
    say({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "logger": "l", "data": {"k": 1}}})
    say({"jsonrpc": "2.0", "method": "notifications/of-tomorrow", "params": []})
    say({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": token, "progress": 2.5}})
    say(result_for(request))
    request.connection.end()


def test_a_stream_gives_what_is_said_under_way_and_then_the_result(kind: Kind, server: Loopback) -> None:
    server.script = streaming
    (items,) = perform(kind, {"gateway_url": server.url}, ask("stream_tool", "t"))
    assert items[:-1] == [Progress(1, 2, "one"), LogMessage("info", {"k": 1}, "l"), Progress(2.5)]
    assert isinstance(items[-1], ToolResult)
    assert server.seen[0].json["params"]["_meta"]["progressToken"] == 1
    assert server.seen[0].json["params"]["_meta"][f"{META}logLevel"] == "debug"


def test_a_plain_call_asks_for_progress_only_for_who_wants_it(kind: Kind, server: Loopback) -> None:
    server.script = streaming
    seen: list[Progress] = []
    perform(kind, {"gateway_url": server.url}, ask("call_tool", "t"), ask("call_tool", "t", on_progress=seen.append))
    assert "progressToken" not in server.seen[0].json["params"]["_meta"]
    assert seen == [Progress(1, 2, "one"), Progress(2.5)]


def test_the_callers_own_progress_token_is_listened_to(kind: Kind, server: Loopback) -> None:
    server.script = streaming
    seen: list[Progress] = []
    perform(kind, {"gateway_url": server.url}, ask("call_tool", "t", on_progress=seen.append, meta={"progressToken": "mine"}))
    assert server.seen[0].json["params"]["_meta"]["progressToken"] == "mine"
    assert len(seen) == 2


def test_the_connection_of_a_stream_is_kept(kind: Kind, server: Loopback) -> None:
    server.script = streaming
    perform(kind, {"gateway_url": server.url}, *[ask("call_tool", "t")] * 3)
    assert server.connections == 1


def test_a_result_has_what_came(kind: Kind, server: Loopback) -> None:
    content = [{"type": "text", "text": "one"}, {"type": "hologram", "depth": 3}, {"type": "text", "text": "two"}]
    members = {"content": content, "structuredContent": {"a": [1]}, "_meta": {"k": 1}, "future": True}
    server.script = lambda request: request.connection.json(200, {"jsonrpc": "2.0", "id": request.id, "result": members})
    (result,) = perform(kind, {"gateway_url": server.url}, ask("call_tool", "t"))
    assert (result.content, result.structured_content, result.meta, result.is_error, result.text) == (
        content,
        {"a": [1]},
        {"k": 1},
        False,
        "one\ntwo",
    )
    assert result.trace_id == server.seen[0].headers["traceparent"][3:35]


def pages(request: Request) -> None:
    cursor = request.json["params"].get("cursor")
    member = {
        "tools/list": "tools",
        "resources/list": "resources",
        "resources/templates/list": "resourceTemplates",
        "prompts/list": "prompts",
    }[request.rpc_method]
    page: dict[str, Any] = {member: [{"name": f"{cursor}"}]}
    if cursor != "c2":
        page["nextCursor"] = "c1" if cursor is None else "c2"
    request.connection.json(200, {"jsonrpc": "2.0", "id": request.id, "result": page})


@pytest.mark.parametrize("operation", ["list_tools", "list_resources", "list_resource_templates", "list_prompts"])
def test_lists_follow_their_cursors(kind: Kind, server: Loopback, operation: str) -> None:
    server.script = pages
    (items,) = perform(kind, {"gateway_url": server.url}, ask(operation))
    assert [item["name"] for item in items] == ["None", "c1", "c2"]
    assert len({request.headers["traceparent"][3:35] for request in server.seen}) == 1


def test_a_list_without_an_end_is_an_error(server: Loopback) -> None:
    server.script = lambda request: request.connection.json(
        200, {"jsonrpc": "2.0", "id": request.id, "result": {"tools": [], "nextCursor": "on"}}
    )
    with pytest.raises(ProtocolError, match="1000 pages"):
        perform("sync", {"gateway_url": server.url}, ask("list_tools"))
    assert len(server.seen) == 1000


def test_a_page_without_its_list_is_an_error(kind: Kind, server: Loopback) -> None:
    server.script = lambda request: request.connection.json(200, {"jsonrpc": "2.0", "id": request.id, "result": {"items": []}})
    with pytest.raises(ProtocolError):
        perform(kind, {"gateway_url": server.url}, ask("list_tools"))


def test_what_names_something_says_so_in_its_header(kind: Kind, server: Loopback) -> None:
    perform(
        kind, {"gateway_url": server.url},
        ask("read_resource", "file:///a b"), ask("get_prompt", "greet", {"who": "Ada"}), ask("discover"), ask("ping"), ask("request", "completion/complete", {"x": 1}), ask("request", "own/thing"),
    )  # fmt: skip
    assert [(request.rpc_method, request.headers.get("mcp-name")) for request in server.seen] == [
        ("resources/read", "file:///a b"), ("prompts/get", "greet"), ("server/discover", None), ("server/discover", None), ("completion/complete", None), ("own/thing", None),
    ]  # fmt: skip
    assert server.seen[1].json["params"]["arguments"] == {"who": "Ada"}


GIVEN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize("source", [GIVEN, lambda: GIVEN])
def test_a_trace_of_the_callers_own_goes_on(kind: Kind, server: Loopback, source: Any) -> None:
    (result,) = perform(kind, {"gateway_url": server.url, "traceparent": source}, ask("call_tool", "t"))
    assert server.seen[0].headers["traceparent"] == GIVEN
    assert result.trace_id == "4bf92f3577b34da6a3ce929d0e0e4736"


def test_a_source_may_have_none(server: Loopback) -> None:
    perform("sync", {"gateway_url": server.url, "traceparent": lambda: None}, ask("call_tool", "t"))
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", server.seen[0].headers["traceparent"])


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "x",
        GIVEN.replace("4bf", "4BF"),
        "00-" + "0" * 32 + "-00f067aa0ba902b7-01",
        GIVEN.replace("00-", "ff-", 1),
        GIVEN + "\r\nX: 1",
        GIVEN + "-more",
    ],
)
def test_what_is_no_traceparent_is_not_sent_on(server: Loopback, bad: str) -> None:
    perform("sync", {"gateway_url": server.url, "traceparent": bad}, ask("call_tool", "t"))
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", server.seen[0].headers["traceparent"])


def test_an_active_span_of_opentelemetry_is_the_parent(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package looks at what a program has imported; this stands for it with OpenTelemetry's own shape."""
    context = SimpleNamespace(
        is_valid=True, trace_id=int("4bf92f3577b34da6a3ce929d0e0e4736", 16), span_id=int("00f067aa0ba902b7", 16), trace_flags=1
    )
    api = ModuleType("opentelemetry.trace")
    api.get_current_span = lambda: SimpleNamespace(get_span_context=lambda: context)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", api)
    perform("sync", {"gateway_url": server.url}, ask("call_tool", "t"))
    context.is_valid = False
    perform("sync", {"gateway_url": server.url}, ask("call_tool", "t"))
    assert server.seen[0].headers["traceparent"] == GIVEN
    assert server.seen[1].headers["traceparent"] != GIVEN


def test_an_http_client_of_the_callers_own_is_used_and_left_open(server: Loopback) -> None:
    with httpx.Client(headers={"x-mine": "1"}) as http:
        perform("sync", {"gateway_url": server.url, "http_client": http}, ask("call_tool", "t"))
        assert not http.is_closed
    assert server.seen[0].headers["x-mine"] == "1"


async def _with_own_client(url: str) -> bool:
    async with httpx.AsyncClient(headers={"x-mine": "1"}) as http:
        async with GatewayClient(url, http_client=http) as client:
            await client.call_tool("t")
        return not http.is_closed


def test_also_an_asynchronous_one(server: Loopback) -> None:
    assert asyncio.run(_with_own_client(server.url))
    assert server.seen[0].headers["x-mine"] == "1"


ONE_LOOP_AFTER_THE_OTHER = """
import asyncio, sys
from mcp_gateway_sdk import GatewayClient

client = GatewayClient(sys.argv[1])

async def call():
    print((await client.call_tool("t")).text)

async def last():
    async with client:
        await call()

for each in (call, call, last):
    asyncio.run(each())
"""


def test_an_asynchronous_client_may_be_used_by_one_event_loop_after_the_other(server: Loopback) -> None:
    """In a process of its own: what a loop leaves open when it ends, nobody can close."""
    done = subprocess.run([sys.executable, "-c", ONE_LOOP_AFTER_THE_OTHER, server.url], capture_output=True, text=True, cwd=SOURCE)
    assert (done.stdout.split(), done.stderr) == (["fine"] * 3, "")


def test_a_proxy_of_the_environment_does_not_see_what_stays_on_this_machine(
    kind: Kind, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    (result,) = perform(kind, {"gateway_url": server.url}, ask("call_tool", "t"))
    assert result.text == "fine"


def test_a_closed_client_says_so(server: Loopback) -> None:
    client = SyncGatewayClient(server.url)
    client.close()
    client.close()
    with pytest.raises(ConfigurationError, match="closed"):
        client.call_tool("t")
