"""Who stops waiting closes the connection (2026-07-28): that is what cancels the call."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time

import pytest

from mcp_gateway_sdk import CallTimeoutError, GatewayClient, Progress, SyncGatewayClient
from mcp_gateway_sdk._watchdog import Watchdog

from .support.clients import Kind, ask, perform
from .support.loopback import Loopback, Request, result_for


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


def dripping(request: Request) -> None:
    """Something comes as long as anybody listens, and never an answer."""
    request.connection.stream()
    while request.connection.piece(b": still here\n\n"):
        time.sleep(0.01)


def test_what_comes_under_way_does_not_prolong_the_call(kind: Kind, server: Loopback) -> None:
    server.script = dripping
    with pytest.raises(CallTimeoutError):
        perform(kind, {"gateway_url": server.url}, ask("call_tool", "t", timeout=0.3))


def test_a_read_that_nobody_ends_is_ended() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, Watchdog().watch(ours, 0.01) as watch:
        assert ours.recv(1) == b""
        assert watch is not None
        assert watch.fired


def test_a_read_that_ends_in_time_is_left_alone() -> None:
    ours, theirs = socket.socketpair()
    dog = Watchdog()
    with ours, theirs:
        with dog.watch(ours, 60) as watch:
            theirs.send(b"x")
            assert ours.recv(1) == b"x"
        assert watch is not None
        assert not watch.fired
        with dog.watch(ours, 0.01):
            assert ours.recv(1) == b""


def test_without_an_end_nothing_is_watched() -> None:
    with Watchdog().watch(None, 1) as watch:
        assert watch is None


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


def test_a_callback_that_fails_ends_the_call(kind: Kind, server: Loopback) -> None:
    hanging = Hanging(server, streams=True)

    def fails(_: Progress) -> None:
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        perform(kind, {"gateway_url": server.url}, ask("call_tool", "t", on_progress=fails))
    assert hanging.closed.wait(10)


def test_many_calls_share_one_thread_that_keeps_their_time(server: Loopback) -> None:
    hanging = Hanging(server, streams=True)
    failures: list[BaseException] = []

    def call(client: SyncGatewayClient, seconds: float) -> None:
        try:
            client.call_tool("t", timeout=seconds)
        except CallTimeoutError as error:
            failures.append(error)

    def keepers() -> int:
        return sum(thread.name == "mcp-gateway-sdk-deadlines" for thread in threading.enumerate())

    before = keepers()
    with SyncGatewayClient(server.url) as client:
        threads = [threading.Thread(target=call, args=(client, 0.6 - n * 0.02)) for n in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert len(failures) == 10
    assert keepers() <= before + 1
    assert hanging.closed.wait(10)
