"""One client for many: tasks, threads, forked processes, and what goes on while it is closed."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from typing import Any

import pytest

from mcp_gateway_sdk import CallTimeoutError, ConfigurationError, GatewayClient, PrecinctError, SyncGatewayClient
from mcp_gateway_sdk import _async_shell as async_shell
from mcp_gateway_sdk._options import LEGACY

from .support.loopback import Loopback, Request, result_for
from .support.refusals import refuse


def slow(request: Request) -> None:
    time.sleep(0.05)
    request.connection.json(200, result_for(request))


def test_more_tasks_than_places_take_turns(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(async_shell, "CONNECTIONS_MAX", 2)
    server.script = slow

    async def main() -> list[Any]:
        async with GatewayClient(server.url) as client:
            return await asyncio.gather(*(client.call_tool("t", {"n": n}) for n in range(7)))

    assert [result.text for result in asyncio.run(main())] == ["fine"] * 7
    assert server.connections == 2


def test_who_gets_no_place_in_time_has_not_run(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(async_shell, "CONNECTIONS_MAX", 1)
    begun, ends = threading.Event(), threading.Event()

    def held(request: Request) -> None:
        begun.set()
        ends.wait(10)
        request.connection.json(200, result_for(request))

    server.scripts = [held]

    async def main() -> None:
        async with GatewayClient(server.url) as client:
            first = asyncio.ensure_future(client.call_tool("t"))
            await asyncio.to_thread(begun.wait, 10)
            with pytest.raises(CallTimeoutError) as raised:
                await client.call_tool("t", timeout=0.1)
            assert not raised.value.may_have_run
            ends.set()
            await first
            await client.call_tool("t")

    asyncio.run(main())
    assert len(server.seen) == 2


def test_a_forked_process_has_connections_of_its_own(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    with SyncGatewayClient(server.url) as client:
        client.call_tool("t")
        client.call_tool("t")
        assert server.connections == 1
        monkeypatch.setattr(os, "getpid", lambda: -1)
        client.call_tool("t")
        client.call_tool("t")
        assert server.connections == 2


def test_a_closed_client_repeats_nothing(server: Loopback) -> None:
    server.scripts = [refuse("gateway_overloaded")] * 2
    client = SyncGatewayClient(server.url)
    client._shell.sleep = lambda _seconds: client.close()
    with pytest.raises(ConfigurationError):
        client.call_tool("t")
    assert len(server.seen) == 1

    async def main() -> None:
        client = GatewayClient(server.url)
        client._shell.sleep = lambda _seconds: client.aclose()
        with pytest.raises(ConfigurationError):
            await client.call_tool("t")

    asyncio.run(main())
    assert len(server.seen) == 2


def hangs(begun: threading.Event, ends: threading.Event) -> Any:
    def script(request: Request) -> None:
        begun.set()
        ends.wait(30)
        request.connection.cut()

    return script


def in_vain(client: SyncGatewayClient) -> None:
    with pytest.raises(PrecinctError):
        client.call_tool("t", timeout=30)


def test_the_wait_for_a_session_that_another_opens_has_an_end(server: Loopback) -> None:
    begun, ends = threading.Event(), threading.Event()
    server.script = hangs(begun, ends)
    with SyncGatewayClient(server.url, era=LEGACY) as client:
        other = threading.Thread(target=in_vain, args=(client,))
        other.start()
        assert begun.wait(10)
        with pytest.raises(CallTimeoutError) as raised:
            client.call_tool("t", timeout=0.1)
        assert other.is_alive()
        assert not raised.value.may_have_run
        ends.set()
        other.join()


def test_of_tasks_too(server: Loopback) -> None:
    begun, ends = threading.Event(), threading.Event()
    server.script = hangs(begun, ends)

    async def main() -> None:
        async with GatewayClient(server.url, era=LEGACY) as client:
            other = asyncio.ensure_future(client.call_tool("t", timeout=30))
            await asyncio.to_thread(begun.wait, 10)
            with pytest.raises(CallTimeoutError):
                await client.call_tool("t", timeout=0.1)
            assert not other.done()
            ends.set()
            other.cancel()
            await asyncio.wait([other])

    asyncio.run(main())
