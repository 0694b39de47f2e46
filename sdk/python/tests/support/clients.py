"""Both clients, asked in one way, so that each test runs for either."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any, Literal

from mcp_gateway_sdk import GatewayClient, SyncGatewayClient
from mcp_gateway_sdk._exchange import Clock

Kind = Literal["async", "sync"]


@dataclass
class Ask:
    """One operation, within a session if `session` has that session's words."""

    operation: str
    words: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)


def ask(operation: str, *words: Any, **options: Any) -> Ask:
    return Ask(operation, words, options)


class HandClock:
    """Stands still unless somebody sleeps."""

    def __init__(self, chance: float = 1.0) -> None:
        self.now = time.monotonic()
        self.wall_now = 1_000_000.0
        self.chance = chance
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)

    def replace(self, clock: Clock) -> None:
        clock.monotonic, clock.wall, clock.random = lambda: self.now, lambda: self.wall_now, lambda: self.chance


def perform(
    kind: Kind, options: dict[str, Any], *asks: Ask, clock: HandClock | None = None, session: dict[str, Any] | None = None
) -> list[Any]:
    """What each gave; a stream gives the list of its items. Raises what the first of them raised."""
    if kind == "async":
        return asyncio.run(_perform_async(options, asks, clock, session))
    with SyncGatewayClient(**options) as client:
        if clock is not None:
            clock.replace(client._core.clock)
            client._shell.sleep = clock.sleep
        if session is None:
            return [_given(getattr(client, each.operation)(*each.words, **each.options)) for each in asks]
        with client.session(**session) as opened:
            return [_given(getattr(opened, each.operation)(*each.words, **each.options)) for each in asks]


def _given(value: Any) -> Any:
    return list(value) if hasattr(value, "__next__") else value


async def _perform_async(
    options: dict[str, Any], asks: tuple[Ask, ...], clock: HandClock | None, session: dict[str, Any] | None
) -> list[Any]:
    async with GatewayClient(**options) as client:
        if clock is not None:
            clock.replace(client._core.clock)
            client._shell.sleep = clock.sleep_async
        if session is None:
            return [await _given_async(getattr(client, each.operation)(*each.words, **each.options)) for each in asks]
        async with client.session(**session) as opened:
            return [await _given_async(getattr(opened, each.operation)(*each.words, **each.options)) for each in asks]


async def _given_async(value: Any) -> Any:
    return [item async for item in value] if hasattr(value, "__anext__") else await value
