"""Runs the same flows in the caller's own thread."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from ._commands import Acquire, Blocking, Close, Command, DeadlineError, Emit, Flow, Invoke, Open, Opened, Read, Release, Sleep
from ._core import Core
from ._deadlines import bind, within
from ._http import SendTrace, client_settings, fault_of, request_of
from ._tls import TlsMaterial
from .errors import ConfigurationError

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")


class _AbandonedError(Exception):
    """Nobody iterates any more."""


class _Connections:
    """One httpx client, of one generation of TLS material, and of one process: what was forked from it must not read its answers."""

    __slots__ = ("http", "lock", "material", "owned", "process", "retired", "under_way")

    def __init__(self, http: httpx.Client, material: TlsMaterial | None, owned: bool) -> None:
        self.http = http
        self.material = material
        self.owned = owned
        self.process = os.getpid()
        self.lock = threading.Lock()
        self.under_way = 0
        self.retired = False

    def enter(self) -> None:
        with self.lock:
            self.under_way += 1

    def leave(self) -> None:
        with self.lock:
            self.under_way -= 1
            last = self.retired and self.under_way == 0
        if last and self.owned:
            self.http.close()

    def retire(self) -> None:
        with self.lock:
            self.retired = True
            last = self.under_way == 0
        if last and self.owned:
            self.http.close()


class _Reading:
    """A response's body as it is read."""

    __slots__ = ("connections", "left", "pieces", "response", "trace")

    def __init__(self, response: httpx.Response, connections: _Connections, trace: SendTrace) -> None:
        self.response = response
        self.pieces: Iterator[bytes] = response.iter_bytes()
        self.connections = connections
        self.trace = trace
        self.left = False
        bind(response.extensions.get("network_stream"))  # a client of the caller's own may have made it earlier

    def leave(self) -> None:
        if not self.left:
            self.left = True
            try:
                self.response.close()
            finally:
                self.connections.leave()


class SyncShell:
    """One client's connections, clock and lock; many threads may share it."""

    def __init__(self, core: Core, http_client: httpx.Client | None) -> None:
        self._core = core
        self._given = None if http_client is None else _Connections(http_client, None, owned=False)
        self._connections: _Connections | None = None
        self._making = threading.Lock()
        self._closed = False
        self._lock = threading.Lock()
        self.sleep: Callable[[float], None] = time.sleep

    def run(self, flow: Flow[T]) -> T:
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
                    answer = self._perform(command)
                except BaseException as error:  # the core says goodbye before it passes it on
                    fault = error
        finally:
            fault = None  # an exception that holds its own frame is kept until the collector comes

    def stream(self, flow: Flow[None]) -> Generator[Any, None, None]:
        answer: Any = None
        fault: BaseException | None = None
        while True:
            try:
                command = flow.send(answer) if fault is None else flow.throw(fault)
            except (StopIteration, _AbandonedError):
                return
            answer, fault = None, None
            try:
                if isinstance(command, Emit):
                    yield command.event
                else:
                    answer = self._perform(command)
            except GeneratorExit:
                fault = _AbandonedError()
            except BaseException as error:
                fault = error

    def close(self) -> None:
        with self._making:
            self._closed = True
            connections, self._connections = self._connections, None
        if connections is not None:
            connections.retire()

    def _perform(self, command: Command) -> Any:
        match command:
            case Open():
                return self._open(command)
            case Read(response, deadline):
                return self._read(response.connection, deadline)
            case Close(response):
                return response.connection.leave()
            case Sleep(seconds):
                return self.sleep(seconds)
            case Invoke(function, arguments):
                return function(*arguments)
            case Blocking(function):
                return function()
            case Acquire(deadline):
                return self._acquire(deadline - self._core.clock.monotonic())
            case Release():
                return self._lock.release()
            case Emit():
                return None  # nobody listens

    def _acquire(self, left: float) -> None:
        if not self._lock.acquire(timeout=-1 if left > threading.TIMEOUT_MAX else max(0.0, left)):
            raise DeadlineError(sent_whole=False)

    def _open(self, asked: Open) -> Opened:
        connections = self._fresh()
        trace = SendTrace()

        def note(event: str, info: dict[str, Any]) -> None:
            trace.note(event)
            bind(info.get("return_value"))

        left = asked.deadline - self._core.clock.monotonic()
        try:
            if left <= 0:
                raise DeadlineError(sent_whole=False)
            request = request_of(
                connections.http,
                asked.method,
                self._core.options.url.text,
                asked.headers,
                asked.body,
                None if math.isinf(left) else left,
                {"trace": note},
            )
            with within(left):
                response = connections.http.send(request, stream=True, follow_redirects=False)
        except Exception as error:
            connections.leave()
            raise fault_of(error, trace) from None
        except BaseException:
            connections.leave()
            raise
        return Opened(response.status_code, response.headers, _Reading(response, connections, trace))

    def _read(self, reading: _Reading, deadline: float) -> bytes:
        try:
            with within(deadline - self._core.clock.monotonic()):
                return next((piece for piece in reading.pieces if piece), b"")
        except Exception as error:
            raise fault_of(error, reading.trace) from None

    def _fresh(self) -> _Connections:
        """Those of the newest TLS material, with this request counted; older ones are closed when their last request has ended."""
        if self._given is not None:
            self._given.enter()
            return self._given
        material = self._core.evidence.tls()
        with self._making:
            if self._closed:
                raise ConfigurationError("The client is closed.")  # a repetition: nobody would close its connection
            now = self._connections
            if now is not None and now.material is material and now.process == os.getpid():
                now.enter()
                return now
            import httpx

            http = httpx.Client(**client_settings(self._core.options, material))
            self._connections = fresh = _Connections(http, material, owned=True)
            fresh.enter()
        if now is not None:
            now.retire()
        return fresh
