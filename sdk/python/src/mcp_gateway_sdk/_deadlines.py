"""One time for a whole synchronous exchange: httpx bounds each read, and who sends a byte now and then is never late for one."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Iterator
from types import MethodType
from typing import Any

_WRITE_BYTES = 65536  # of a body that is taken slowly: the time is looked at before each piece


class _Current(threading.local):
    ends = math.inf


_current = _Current()


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """What this thread reads and writes on bound streams ends after so many seconds, with a time-out of httpcore."""
    _current.ends = time.monotonic() + seconds
    try:
        yield
    finally:
        _current.ends = math.inf


def bind(stream: Any) -> None:
    """Of a connection, for its whole life: httpcore shows it to the trace of its making, and gives it with a response."""
    read = getattr(stream, "read", None)
    if not isinstance(read, MethodType):
        return  # something else than a stream, or bound already
    write, start_tls = stream.write, stream.start_tls

    def read_within(max_bytes: int, timeout: float | None = None) -> Any:
        return read(max_bytes, _left(timeout))

    def write_within(buffer: bytes, timeout: float | None = None) -> None:
        for at in range(0, len(buffer), _WRITE_BYTES):
            write(buffer[at : at + _WRITE_BYTES], _left(timeout))

    def start_tls_within(ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None) -> Any:
        return start_tls(ssl_context, server_hostname, _left(timeout))

    stream.read, stream.write, stream.start_tls = read_within, write_within, start_tls_within


def _left(timeout: float | None) -> float | None:
    left = min(math.inf if timeout is None else timeout, _current.ends - time.monotonic())
    if left <= 0:
        import httpcore

        raise httpcore.TimeoutException
    return None if math.isinf(left) else left
