"""Ends reads that take too long: httpx bounds one read, not a call. One thread for all synchronous clients keeps the time."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import math
import socket
import threading
import time
from collections.abc import Iterator


class _Watch:
    __slots__ = ("connection", "done", "fired")

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.done = False
        self.fired = False


class Watchdog:
    """Starts its thread at the first watch."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[tuple[float, int, _Watch]] = []
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None

    @contextlib.contextmanager
    def watch(self, connection: socket.socket | None, seconds: float) -> Iterator[_Watch | None]:
        """Within it, the connection is shut down after so many seconds; `fired` says so."""
        if connection is None or math.isinf(seconds):
            yield None
            return
        watch = _Watch(connection)
        deadline = time.monotonic() + seconds
        with self._changed:
            heapq.heappush(self._waiting, (deadline, next(self._numbers), watch))
            if self._thread is None or not self._thread.is_alive():  # also after a fork
                self._thread = threading.Thread(target=self._keep, name="mcp-gateway-sdk-deadlines", daemon=True)
                self._thread.start()
            elif self._waiting[0][2] is watch:
                self._changed.notify()
        try:
            yield watch
        finally:
            with self._changed:
                watch.done = True
                while self._waiting and self._waiting[0][2].done:
                    heapq.heappop(self._waiting)

    def _keep(self) -> None:
        with self._changed:
            while True:
                if not self._waiting:
                    self._changed.wait()
                    continue
                deadline, _, watch = self._waiting[0]
                left = deadline - time.monotonic()
                if left > 0 and not watch.done:
                    self._changed.wait(left)
                    continue
                heapq.heappop(self._waiting)
                if not watch.done:
                    watch.fired = True
                    with contextlib.suppress(OSError):
                        # The socket's own, under TLS too: the reader finds that the stream has ended.
                        socket.socket.shutdown(watch.connection, socket.SHUT_RDWR)
