"""Runs flows on asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import math
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from ._commands import Acquire, Blocking, Close, Command, DeadlineError, Emit, Flow, Invoke, Open, Opened, Read, Release, Sleep
from ._core import Core
from ._http import CONNECTIONS_MAX, SendTrace, client_settings, fault_of, request_of
from ._tls import TlsMaterial
from .errors import ConfigurationError

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")


class _AbandonedError(Exception):
    """Nobody iterates any more."""


class _Connections:
    """One httpx client: of one generation of TLS material, and of one event loop."""

    __slots__ = ("http", "loop", "material", "owned", "places", "retired", "under_way")

    def __init__(self, http: httpx.AsyncClient, material: TlsMaterial | None, owned: bool) -> None:
        self.http = http
        self.material = material
        self.loop = asyncio.get_running_loop()
        self.owned = owned
        # httpx looks at all that wait whenever one comes or goes: thousands of calls at once wait here instead.
        self.places = asyncio.Semaphore(CONNECTIONS_MAX) if owned else None
        self.under_way = 0
        self.retired = False

    async def leave(self) -> None:
        if self.places is not None:
            self.places.release()
        await self.let_go()

    async def let_go(self) -> None:
        self.under_way -= 1
        await self.close_if_idle()

    async def close_if_idle(self) -> None:
        # What belongs to a loop that has ended cannot be closed on another.
        if self.retired and self.owned and self.under_way == 0 and self.loop is asyncio.get_running_loop():
            await self.http.aclose()


class _Reading:
    """A response's body as it is read."""

    __slots__ = ("connections", "left", "pieces", "response", "trace")

    def __init__(self, response: httpx.Response, connections: _Connections, trace: SendTrace) -> None:
        self.response = response
        self.pieces: AsyncIterator[bytes] = response.aiter_bytes()
        self.connections = connections
        self.trace = trace
        self.left = False

    async def leave(self) -> None:
        if not self.left:
            self.left = True
            try:
                await self.response.aclose()
            finally:
                await self.connections.leave()


class AsyncShell:
    """One client's connections, clock and lock."""

    def __init__(self, core: Core, http_client: httpx.AsyncClient | None) -> None:
        self._core = core
        self._given = http_client
        self._connections: _Connections | None = None
        self._lock = asyncio.Lock()
        self._lock_loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self._endings: set[asyncio.Future[None]] = set()
        self._farewells: set[asyncio.Future[None]] = set()
        self._closings: set[asyncio.Future[None]] = set()
        self.sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def run(self, flow: Flow[T]) -> T:
        answer: Any = None
        fault: BaseException | None = None
        try:
            while True:
                try:
                    command = flow.send(answer) if fault is None else flow.throw(fault)
                except StopIteration as end:
                    return end.value  # type: ignore[no-any-return]
                answer, fault = None, None
                try:
                    answer = await self._perform(command)
                except asyncio.CancelledError as error:
                    await self._end(flow, error)
                    raise
                except BaseException as error:  # the core says goodbye before it passes it on
                    fault = error
        finally:
            fault = None  # an exception that holds its own frame is kept until the collector comes

    async def stream(self, flow: Flow[None]) -> AsyncGenerator[Any, None]:
        answer: Any = None
        fault: BaseException | None = None
        while True:
            try:
                command = flow.send(answer) if fault is None else flow.throw(fault)
            except StopIteration:
                return
            answer, fault = None, None
            try:
                if isinstance(command, Emit):
                    yield command.event
                else:
                    answer = await self._perform(command)
            except GeneratorExit:
                await self._end(flow, _AbandonedError())
                return
            except asyncio.CancelledError as error:
                await self._end(flow, error)
                raise
            except BaseException as error:
                fault = error

    async def _end(self, flow: Flow[Any], fault: BaseException) -> None:
        """The core's goodbye."""
        with contextlib.suppress(asyncio.CancelledError):
            await _apart(self._goodbye(flow, fault), self._endings)

    async def _goodbye(self, flow: Flow[Any], fault: BaseException) -> None:
        with contextlib.suppress(StopIteration, Exception, asyncio.CancelledError):
            command = flow.throw(fault)
            while True:
                try:
                    answer = await self._perform(command)
                except BaseException as error:
                    command = flow.throw(error)
                else:
                    command = flow.send(answer)

    async def end_session(self, flow: Flow[None]) -> None:
        """A session's goodbye; it comes after those of its calls."""
        await _apart(self._after(self._endings, flow), self._farewells)

    async def close(self, flow: Flow[None]) -> None:
        """After the core's last flow, and all goodbyes under way."""
        await _apart(self._close(flow), self._closings)

    async def _after(self, goodbyes: set[asyncio.Future[None]], flow: Flow[None]) -> None:
        own = [goodbye for goodbye in goodbyes if goodbye.get_loop() is asyncio.get_running_loop()]
        if own:
            await asyncio.wait(own)
        await self.run(flow)

    async def _close(self, flow: Flow[None]) -> None:
        try:
            await self._after(self._endings | self._farewells, flow)
        finally:
            self._closed = True
            connections, self._connections = self._connections, None
            if connections is not None:
                connections.retired = True
                await connections.close_if_idle()
            self._core.evidence.close()

    async def _perform(self, command: Command) -> Any:
        match command:
            case Open():
                return await self._open(command)
            case Read(response, deadline):
                return await self._read(response.connection, deadline)
            case Close(response):
                return await response.connection.leave()
            case Sleep(seconds):
                return await self.sleep(seconds)
            case Invoke(function, arguments, deadline):
                result = function(*arguments)
                return await self._returned(result, deadline) if inspect.isawaitable(result) else result
            case Blocking(function):
                return await asyncio.to_thread(function)
            case Acquire(deadline):
                return await self._taken(self._own_lock(), deadline)
            case Release():
                return self._lock.release()
            case Emit():
                return None  # nobody listens

    def _own_lock(self) -> asyncio.Lock:
        loop = asyncio.get_running_loop()
        if self._lock_loop is not loop:
            self._lock, self._lock_loop = asyncio.Lock(), loop
        return self._lock

    async def _open(self, asked: Open) -> Opened:
        connections = await self._fresh()
        trace = SendTrace()

        async def note(event: str, _info: object) -> None:
            trace.note(event)

        connections.under_way += 1
        try:
            if connections.places is not None:
                await self._taken(connections.places, asked.deadline)
        except BaseException:
            await connections.let_go()
            raise
        try:
            request = request_of(
                connections.http, asked.method, self._core.options.url.text, asked.headers, asked.body, None, {"trace": note}
            )
            response = await self._within(connections.http.send(request, stream=True, follow_redirects=False), asked.deadline, trace)
        except BaseException:
            await connections.leave()
            raise
        return Opened(response.status_code, response.headers, _Reading(response, connections, trace))

    async def _read(self, reading: _Reading, deadline: float) -> bytes:
        return await self._within(_next(reading.pieces), deadline, reading.trace)

    async def _within(self, waiting: Awaitable[T], deadline: float, trace: SendTrace) -> T:
        try:
            return await _timed(waiting, self._left(deadline))
        except TimeoutError:
            raise DeadlineError(sent_whole=trace.sent_whole) from None
        except Exception as error:
            raise fault_of(error, trace) from None

    async def _returned(self, waiting: Awaitable[T], deadline: float) -> T:
        try:
            returned = await _timed(_outcome(waiting), self._left(deadline))
        except TimeoutError:
            raise DeadlineError(sent_whole=True) from None  # of an answer under way, which asks something; a token's says otherwise itself
        if isinstance(returned, TimeoutError):
            raise returned
        return returned

    async def _taken(self, lock: asyncio.Lock | asyncio.Semaphore, deadline: float) -> None:
        try:
            await _timed(lock.acquire(), self._left(deadline))
        except TimeoutError:
            raise DeadlineError(sent_whole=False) from None

    def _left(self, deadline: float) -> float | None:
        return None if math.isinf(deadline) else max(0.0, deadline - self._core.clock.monotonic())

    async def _fresh(self) -> _Connections:
        """Those of the newest TLS material; older ones are closed when their last request has ended."""
        now = self._connections
        if self._given is not None:
            if now is None or now.loop is not asyncio.get_running_loop():
                self._connections = now = _Connections(self._given, None, owned=False)
            return now
        material = self._core.evidence.tls()
        if self._closed:
            raise ConfigurationError("The client is closed.")  # a repetition: nobody would close its connection
        if now is not None and now.material is material and now.loop is asyncio.get_running_loop():
            return now
        import httpx

        http = httpx.AsyncClient(**client_settings(self._core.options, material))
        self._connections = fresh = _Connections(http, material, owned=True)
        if now is not None:
            now.retired = True
            await now.close_if_idle()
        return fresh


async def _apart(work: Coroutine[Any, Any, None], kept: set[asyncio.Future[None]]) -> None:
    """In a task of its own, which goes on where this one is cancelled: in a cancelled scope of anyio each of its awaits is."""
    task = asyncio.ensure_future(work)
    kept.add(task)
    task.add_done_callback(kept.discard)
    await asyncio.shield(task)


async def _outcome(waiting: Awaitable[T]) -> T | TimeoutError:
    """A TimeoutError of the caller's own function is none of the call's."""
    try:
        return await waiting
    except TimeoutError as fault:
        return fault


async def _next(pieces: AsyncIterator[bytes]) -> bytes:
    async for piece in pieces:
        if piece:
            return piece
    return b""


if sys.version_info >= (3, 11):

    async def _timed(waiting: Awaitable[T], seconds: float | None) -> T:
        async with asyncio.timeout(seconds):
            return await waiting

else:

    async def _timed(waiting: Awaitable[T], seconds: float | None) -> T:
        """Python 3.10's wait_for loses a cancellation that comes together with the answer."""
        task, fired = asyncio.current_task(), False
        if seconds is None or task is None:
            return await waiting

        def fire() -> None:
            nonlocal fired
            fired = True
            task.cancel()

        handle = asyncio.get_running_loop().call_later(seconds, fire)
        try:
            return await waiting
        except asyncio.CancelledError:
            if fired:
                raise TimeoutError from None
            raise
        finally:
            handle.cancel()
