"""The one time of a synchronous exchange, as a connection's stream sees it. No test waits: the clock is the test's."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpcore
import pytest

from mcp_gateway_sdk import _deadlines
from mcp_gateway_sdk._deadlines import bind, within

MIB = 1024 * 1024


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


class Stream(httpcore.NetworkStream):
    """Each use of it takes a second."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.timeouts: list[float | None] = []
        self.written = b""
        bind(self)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._use(timeout)
        return b"x"

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._use(timeout)
        self.written += buffer

    def start_tls(self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None) -> Stream:
        self._use(timeout)
        return self

    def _use(self, timeout: float | None) -> None:
        self.timeouts.append(timeout)
        self._clock.now += 1


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> Stream:
    clock = Clock()
    monkeypatch.setattr(_deadlines, "time", clock)
    return Stream(clock)


USES: list[Callable[[Stream, float | None], object]] = [
    lambda stream, timeout: stream.read(1, timeout=timeout),
    lambda stream, timeout: stream.write(b"x", timeout=timeout),
    lambda stream, timeout: stream.start_tls(ssl_context=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), timeout=timeout),
]


@pytest.mark.parametrize("use", USES, ids=["read", "write", "start_tls"])
def test_each_use_has_the_time_that_is_left_until_none_is(stream: Stream, use: Callable[[Stream, float | None], object]) -> None:
    with within(3):
        use(stream, 60)
        use(stream, None)
        use(stream, 0.5)
        with pytest.raises(httpcore.TimeoutException):
            use(stream, 60)
    use(stream, 60)
    use(stream, None)
    assert stream.timeouts == [3, 2, 0.5, 60, None]


def test_the_time_is_looked_at_while_a_body_is_taken(stream: Stream) -> None:
    body = bytes(range(256)) * 4096
    stream.write(body)
    assert stream.written == body
    with within(3), pytest.raises(httpcore.TimeoutException):
        stream.write(body)
    assert MIB < len(stream.written) < 2 * MIB


def test_each_thread_has_its_own(stream: Stream) -> None:
    with within(0), ThreadPoolExecutor(1) as other:
        assert other.submit(stream.read, 1, timeout=60).result() == b"x"
        with pytest.raises(httpcore.TimeoutException):
            stream.read(1)


def test_a_stream_that_is_used_again_is_bound_once(stream: Stream) -> None:
    bound = stream.read
    bind(stream)
    assert stream.read == bound


def test_what_is_no_stream_is_left_alone() -> None:
    bind(None)
    bind((b"HTTP/1.1", 200, b"OK", []))
