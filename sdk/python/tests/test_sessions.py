"""MCP sessions of 2025-11-25: the client's own, and those that a program holds."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from mcp_gateway_sdk import (
    AuthorizationError,
    CallTimeoutError,
    ConfigurationError,
    GatewayClient,
    Progress,
    ProtocolError,
    SessionExpiredError,
    SyncGatewayClient,
)

from .support.clients import HandClock, Kind, ask, perform
from .support.loopback import Loopback, Request, result_for
from .support.refusals import refuse

LEGACY: dict[str, Any] = {"era": "2025-11-25"}


class SessionServer:
    """Serves sessions as the gateway does; `call` answers what is asked in one."""

    def __init__(self, server: Loopback, call: Callable[[Request], object] | None = None) -> None:
        self.open: set[str] = set()
        self.opened = 0
        self.answers: list[Any] = []
        self.answered = threading.Event()
        self.call = call or (lambda request: request.connection.json(200, result_for(request)))
        server.script = self.serve

    def serve(self, request: Request) -> object:
        session = request.headers.get("mcp-session-id", "")
        if request.rpc_method == "initialize":
            self.opened += 1
            self.open.add(f"s{self.opened}")
            result = {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "x"}}
            return request.connection.json(
                200, {"jsonrpc": "2.0", "id": request.id, "result": result}, {"Mcp-Session-Id": f"s{self.opened}"}
            )
        if session not in self.open:
            return refuse("session_not_found")(request) if request.method == "POST" else request.connection.answer(404)
        if request.method == "DELETE":
            self.open.discard(session)
            return request.connection.answer(200)
        if "id" not in request.json or "method" not in request.json:
            if "method" not in request.json:
                self.answers.append(request.json)
                self.answered.set()
            return request.connection.answer(202)
        return self.call(request)


def test_an_explicit_session_is_opened_used_and_ended(kind: Kind, server: Loopback) -> None:
    serving = SessionServer(server)
    perform(kind, {"gateway_url": server.url}, ask("call_tool", "t", {"a": 1}, meta={"k": 1}), ask("ping"), session={})
    assert server.rpc_methods == ["initialize", "notifications/initialized", "tools/call", "ping", "DELETE"]
    first, second, third, _, last = server.seen
    assert first.json["params"] == {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "mcp-gateway-sdk", "version": "0.1.0"},
    }
    assert not {"mcp-session-id", "mcp-method"} & set(first.headers)
    assert "id" not in second.json
    assert third.json["params"] == {"name": "t", "arguments": {"a": 1}, "_meta": {"k": 1}}
    assert [request.headers.get("mcp-session-id") for request in (second, third, last)] == ["s1"] * 3
    assert third.headers["mcp-protocol-version"] == "2025-11-25"
    assert not {"mcp-method", "mcp-name"} & set(third.headers)
    assert serving.open == set()


def test_its_id_and_what_the_gateway_said_are_known(server: Loopback) -> None:
    SessionServer(server)
    with SyncGatewayClient(server.url) as client, client.session() as session:
        assert (session.id, session.initialize_result["serverInfo"]) == ("s1", {"name": "x"})
    with pytest.raises(ConfigurationError, match="not open"):
        session.call_tool("t")


def test_a_session_that_is_lost_is_said_and_not_renewed(kind: Kind, server: Loopback) -> None:
    serving = SessionServer(server, lambda request: refuse("session_not_found")(request))
    with pytest.raises(SessionExpiredError) as raised:
        perform(kind, {"gateway_url": server.url}, ask("call_tool", "t"), session={})
    assert raised.value.code == "session_not_found"
    assert serving.opened == 1


@pytest.mark.parametrize("body", ["nothing", "foreign"])
def test_a_bare_404_ends_a_session_too(kind: Kind, server: Loopback, body: str) -> None:
    def call(request: Request) -> object:
        if body == "nothing":
            return request.connection.answer(404)
        return request.connection.json(404, {"jsonrpc": "2.0", "id": None, "error": {"code": -32001, "message": "Session not found"}})

    SessionServer(server, call)
    with pytest.raises(SessionExpiredError):
        perform(kind, {"gateway_url": server.url}, ask("call_tool", "t"), session={})


def test_an_unknown_method_ends_none(kind: Kind, server: Loopback) -> None:
    SessionServer(
        server,
        lambda request: request.connection.json(404, {"jsonrpc": "2.0", "id": request.id, "error": {"code": -32601, "message": "no"}}),
    )
    with pytest.raises(ProtocolError):
        perform(kind, {"gateway_url": server.url}, ask("request", "no/such"), session={})


def test_a_client_of_that_era_opens_one_by_itself_and_ends_it(kind: Kind, server: Loopback) -> None:
    serving = SessionServer(server)
    perform(kind, {"gateway_url": server.url, **LEGACY}, ask("call_tool", "t"), ask("ping"))
    assert server.rpc_methods == ["initialize", "notifications/initialized", "tools/call", "ping", "DELETE"]
    assert serving.open == set()


def test_and_renews_it_once_where_nothing_has_run(kind: Kind, server: Loopback) -> None:
    serving = SessionServer(server)

    def call(request: Request) -> object:
        if serving.opened == 1:
            serving.open.clear()
            return refuse("session_not_found")(request)
        return request.connection.json(200, result_for(request, "again"))

    serving.call = call
    (result,) = perform(kind, {"gateway_url": server.url, **LEGACY}, ask("call_tool", "t"))
    assert (result.text, serving.opened) == ("again", 2)
    serving.call = refuse("session_not_found")
    with pytest.raises(SessionExpiredError):
        perform(kind, {"gateway_url": server.url, **LEGACY}, ask("call_tool", "t"))
    assert serving.opened == 4


def test_calls_that_start_together_open_one(server: Loopback) -> None:
    serving = SessionServer(server)

    async def together() -> list[str]:
        async with GatewayClient(server.url, era="2025-11-25") as client:
            return [result.text for result in await asyncio.gather(*(client.call_tool("t") for _ in range(8)))]

    assert asyncio.run(together()) == ["fine"] * 8
    assert serving.opened == 1


def test_threads_share_one_too(server: Loopback) -> None:
    serving = SessionServer(server)
    with SyncGatewayClient(server.url, era="2025-11-25") as client:
        threads = [threading.Thread(target=client.call_tool, args=("t",)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (serving.opened, server.rpc_methods.count("tools/call")) == (1, 8)


def test_a_refused_handshake_is_the_error(kind: Kind, server: Loopback) -> None:
    server.script = refuse("authz_policy_denied", "in_band")
    with pytest.raises(AuthorizationError):
        perform(kind, {"gateway_url": server.url, **LEGACY}, ask("call_tool", "t"))
    assert server.rpc_methods == ["initialize"]


def test_an_overloaded_gateway_is_asked_again_for_one(kind: Kind, server: Loopback) -> None:
    SessionServer(server)
    server.scripts = [refuse("gateway_overloaded", headers={"retry-after": "3"})]
    clock = HandClock()
    perform(kind, {"gateway_url": server.url, **LEGACY}, ask("call_tool", "t"), clock=clock)
    assert clock.slept == [3]


def asking(*questions: dict[str, Any], serving: SessionServer) -> Callable[[Request], object]:
    """Asks the client within the call's own stream, and answers with what it said."""

    def call(request: Request) -> None:
        request.connection.stream()
        for number, question in enumerate(questions):
            serving.answered.clear()
            request.connection.event({"jsonrpc": "2.0", "id": f"q{number}", **question})
            assert serving.answered.wait(10)
        request.connection.event(result_for(request))
        request.connection.end()

    return call


ELICIT = {"method": "elicitation/create", "params": {"message": "Who?"}}


def test_what_a_server_asks_is_answered(kind: Kind, server: Loopback) -> None:
    serving = SessionServer(server)
    serving.call = asking(
        ELICIT, {"method": "ping"}, {"method": "roots/list"}, {"method": "boom/boom"}, {"method": "tasks/get"}, serving=serving
    )
    asked: list[tuple[str, Any]] = []

    def on_request(method: str, params: dict[str, Any]) -> Any:
        asked.append((method, params))
        if method == "boom/boom":
            raise RuntimeError("with private words")
        if method == "tasks/get":
            raise NotImplementedError
        return {"action": "accept"} if method == "elicitation/create" else None

    perform(kind, {"gateway_url": server.url}, ask("call_tool", "t"), session={"on_request": on_request})
    assert asked == [("elicitation/create", {"message": "Who?"}), ("roots/list", {}), ("boom/boom", {}), ("tasks/get", {})]
    assert [answer["id"] for answer in serving.answers] == ["q0", "q1", "q2", "q3", "q4"]
    assert serving.answers[0]["result"] == {"action": "accept"}
    assert serving.answers[1]["result"] == {}
    assert serving.answers[2]["error"]["code"] == -32601
    assert serving.answers[3]["error"] == {"code": -32603, "message": "the client's handler failed"}
    assert serving.answers[4]["error"]["code"] == -32601
    assert server.seen[0].json["params"]["capabilities"] == {"elicitation": {}, "roots": {}, "sampling": {}}
    assert next(request for request in server.seen if request.body and "method" not in request.json).headers["mcp-session-id"] == "s1"


def test_a_server_is_answered_also_where_the_handler_gives_what_has_no_json(kind: Kind, server: Loopback) -> None:
    serving = SessionServer(server)
    serving.call = asking(ELICIT, serving=serving)
    perform(kind, {"gateway_url": server.url}, ask("call_tool", "t"), session={"on_request": lambda *_: {"at": object()}})
    assert serving.answers == [{"jsonrpc": "2.0", "id": "q0", "error": {"code": -32603, "message": "the client's handler failed"}}]


def test_without_a_handler_it_is_told_so(kind: Kind, server: Loopback) -> None:
    serving = SessionServer(server)
    serving.call = asking(ELICIT, {"method": "ping"}, serving=serving)
    perform(kind, {"gateway_url": server.url}, ask("call_tool", "t"), session={"capabilities": {"roots": {}}})
    assert [answer.get("error", {}).get("code") for answer in serving.answers] == [-32601, None]
    assert server.seen[0].json["params"]["capabilities"] == {"roots": {}}


def test_a_handler_may_be_asynchronous(server: Loopback) -> None:
    serving = SessionServer(server)
    serving.call = asking(ELICIT, serving=serving)

    async def on_request(method: str, params: dict[str, Any]) -> Any:
        await asyncio.sleep(0)
        return {"action": "decline", "method": method}

    perform("async", {"gateway_url": server.url}, ask("call_tool", "t"), session={"on_request": on_request})
    assert serving.answers[0]["result"] == {"action": "decline", "method": "elicitation/create"}


def test_a_handler_has_the_calls_time(server: Loopback) -> None:
    serving = SessionServer(server)

    def call(request: Request) -> None:
        request.connection.stream()
        request.connection.event({"jsonrpc": "2.0", "id": "q0", **ELICIT})
        request.connection.wait_until_closed()

    serving.call = call
    ended: list[str] = []

    async def on_request(method: str, params: dict[str, Any]) -> Any:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append(method)
            raise

    with pytest.raises(CallTimeoutError) as raised:
        perform("async", {"gateway_url": server.url}, ask("call_tool", "t", timeout=0.3), session={"on_request": on_request})
    assert (ended, raised.value.may_have_run, serving.answers) == (["elicitation/create"], True, [])
    assert "notifications/cancelled" in [request.rpc_method for request in server.seen]


def test_a_time_out_within_a_handler_is_the_handlers(server: Loopback) -> None:
    serving = SessionServer(server)
    serving.call = asking(ELICIT, serving=serving)

    async def on_request(method: str, params: dict[str, Any]) -> Any:
        raise TimeoutError

    perform("async", {"gateway_url": server.url}, ask("call_tool", "t"), session={"on_request": on_request})
    assert serving.answers[0]["error"]["code"] == -32603


def hanging(request: Request) -> None:
    request.connection.stream()
    token = request.json["params"].get("_meta", {}).get("progressToken")
    request.connection.event({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": token, "progress": 1}})
    request.connection.wait_until_closed()


def cancelled(server: Loopback) -> Any:
    (call,) = (request for request in server.seen if request.rpc_method == "tools/call")
    (said,) = (request for request in server.seen if request.rpc_method == "notifications/cancelled")
    assert said.json["params"]["requestId"] == call.id
    assert said.headers["mcp-session-id"] == call.headers["mcp-session-id"]
    return call.id


def test_a_time_out_is_told_to_the_server(kind: Kind, server: Loopback) -> None:
    SessionServer(server, hanging)
    with pytest.raises(CallTimeoutError):
        perform(kind, {"gateway_url": server.url}, ask("call_tool", "t", timeout=0.5), session={})
    assert cancelled(server) == 2


def test_a_stream_that_is_left_is_told_too(kind: Kind, server: Loopback) -> None:
    SessionServer(server, hanging)
    if kind == "sync":
        with SyncGatewayClient(server.url, **LEGACY) as client:
            stream = client.stream_tool("t")
            assert next(stream) == Progress(1)
            stream.close()
    else:

        async def leave() -> None:
            async with GatewayClient(server.url, **LEGACY) as client:
                stream = client.stream_tool("t")
                assert await anext(stream) == Progress(1)
                await stream.aclose()

        asyncio.run(leave())
    assert cancelled(server) == 2


def test_a_cancelled_task_is_told_too(server: Loopback) -> None:
    SessionServer(server, hanging)

    async def cancel() -> None:
        async with GatewayClient(server.url, **LEGACY) as client:
            begun = asyncio.Event()
            task = asyncio.ensure_future(client.call_tool("t", on_progress=lambda _: begun.set()))
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(cancel())
    assert cancelled(server) == 2


def test_a_cancelled_scope_of_anyio_is_told_too(server: Loopback) -> None:
    """Within one, every await is cancelled, the goodbye's as well."""
    SessionServer(server, hanging)

    async def cancel() -> None:
        async with GatewayClient(server.url, **LEGACY) as client:
            with anyio.CancelScope() as scope:
                await client.call_tool("t", on_progress=lambda _: scope.cancel())
            assert scope.cancelled_caught

    anyio.run(cancel)
    assert cancelled(server) == 2


def test_a_stream_left_in_a_cancelled_scope_is_told_too(server: Loopback) -> None:
    SessionServer(server, hanging)

    async def cancel() -> None:
        async with GatewayClient(server.url, **LEGACY) as client:
            with anyio.CancelScope() as scope:
                async for _ in client.stream_tool("t"):
                    scope.cancel()

    anyio.run(cancel)
    assert cancelled(server) == 2
