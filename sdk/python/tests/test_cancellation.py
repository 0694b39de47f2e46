"""Who stops waiting closes the connection (2026-07-28): that is what cancels the call."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import anyio
import httpx
import pytest

from mcp_gateway_sdk import CallTimeoutError, GatewayClient, Progress, SyncGatewayClient

from .support.clients import Kind, ask, perform
from .support.loopback import Loopback, Request, Script, dripping_body, dripping_head, result_for


class Hanging:
    """Says what `says` says, then nothing; `closed` tells that the client has hung up."""

    def __init__(self, server: Loopback, *, streams: bool) -> None:
        self.streams = streams
        self.begun = threading.Event()
        self.closed = threading.Event()
        server.script = self.serve

    def serve(self, request: Request) -> None:
        self.begun.set()
        if self.streams:
            request.connection.stream()
            token = request.json["params"].get("_meta", {}).get("progressToken")
            request.connection.event(
                {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": token, "progress": 1}}
            )
        if request.connection.wait_until_closed():
            self.closed.set()


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("operation", ["call_tool", "stream_tool"])
def test_a_time_out_closes_it(kind: Kind, server: Loopback, operation: str, streams: bool) -> None:
    hanging = Hanging(server, streams=streams)
    with pytest.raises(CallTimeoutError) as raised:
        perform(kind, {"gateway_url": server.url}, ask(operation, "t", timeout=0.5))
    assert raised.value.may_have_run
    assert raised.value.trace_id is not None
    assert hanging.closed.wait(10)


def test_the_clients_time_counts_where_the_call_says_none(kind: Kind, server: Loopback) -> None:
    Hanging(server, streams=True)
    with pytest.raises(CallTimeoutError):
        perform(kind, {"gateway_url": server.url, "timeout": 0.5}, ask("call_tool", "t"))


@pytest.mark.parametrize("dripping", [dripping_head, dripping_body])
@pytest.mark.parametrize("kept", [False, True], ids=["new connection", "kept connection"])
def test_what_comes_under_way_does_not_prolong_the_call(kind: Kind, server: Loopback, dripping: Script, kept: bool) -> None:
    server.scripts = [server.script, dripping] if kept else [dripping]
    with pytest.raises(CallTimeoutError) as raised:
        perform(kind, {"gateway_url": server.url}, *([ask("call_tool", "t")] * kept), ask("call_tool", "t", timeout=0.5))
    assert raised.value.may_have_run
    assert server.connections == 1


@pytest.mark.parametrize(("before", "dripping"), [(0, dripping_head), (0, dripping_body), (1, dripping_body)])
def test_nor_with_an_http_client_of_the_callers_own(server: Loopback, before: int, dripping: Script) -> None:
    server.scripts = [*([server.script] * before), dripping, dripping_body]
    with httpx.Client(timeout=None) as http, SyncGatewayClient(server.url, http_client=http) as client:
        for _ in range(before):
            http.post(server.url, json={"id": 1})
        with pytest.raises(CallTimeoutError):
            client.call_tool("t", timeout=0.5)
        assert server.connections == 1
        with http.stream("POST", server.url) as response:  # the caller's own requests have no such end
            assert next(response.iter_bytes()) != b""


def test_a_call_without_an_end_may_be_asked_for(kind: Kind, server: Loopback) -> None:
    (result,) = perform(kind, {"gateway_url": server.url, "timeout": float("inf")}, ask("call_tool", "t"))
    assert result.text == "fine"


def test_a_stream_that_is_left_is_closed(kind: Kind, server: Loopback) -> None:
    hanging = Hanging(server, streams=True)
    if kind == "sync":
        with SyncGatewayClient(server.url) as client, contextlib.closing(client.stream_tool("t")) as stream:
            assert next(stream) == Progress(1)
    else:

        async def leave() -> None:
            async with GatewayClient(server.url) as client, contextlib.aclosing(client.stream_tool("t")) as stream:
                async for event in stream:
                    assert event == Progress(1)
                    break

        asyncio.run(leave())
    assert hanging.closed.wait(10)


@pytest.mark.parametrize("streams", [False, True])
def test_a_cancelled_task_closes_it(server: Loopback, streams: bool) -> None:
    hanging = Hanging(server, streams=streams)

    async def cancel() -> None:
        async with GatewayClient(server.url) as client:
            task = asyncio.ensure_future(client.call_tool("t"))
            assert await asyncio.to_thread(hanging.begun.wait, 10)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            server.script = lambda request: request.connection.json(200, result_for(request))
            assert (await client.call_tool("t")).text == "fine"

    asyncio.run(cancel())
    assert hanging.closed.wait(10)


def test_what_is_left_in_a_cancelled_scope_of_anyio_is_ended_whole(server: Loopback) -> None:
    """Within one, every await is cancelled, those of `async with` at its end as well."""

    async def leave() -> None:
        async with GatewayClient(server.url) as outer:
            with anyio.CancelScope() as scope:
                async with GatewayClient(server.url, era="2025-11-25") as client, outer.session() as session:
                    await session.call_tool("t")
                    await client.call_tool("t")
                    connections = client._shell._connections
                    scope.cancel()
        await asyncio.gather(*(task for task in asyncio.all_tasks() if task is not asyncio.current_task()))
        assert server.rpc_methods.count("DELETE") == 2
        assert connections is not None
        assert connections.http.is_closed

    def serve(request: Request) -> None:
        request.connection.json(200, result_for(request) if request.body and "id" in request.json else {}, {"mcp-session-id": "s"})

    server.script = serve
    asyncio.run(leave())


def test_a_callback_that_fails_ends_the_call(kind: Kind, server: Loopback) -> None:
    hanging = Hanging(server, streams=True)

    def fails(_: Progress) -> None:
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        perform(kind, {"gateway_url": server.url}, ask("call_tool", "t", on_progress=fails))
    assert hanging.closed.wait(10)
