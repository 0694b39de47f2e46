"""The splitter of event streams."""

from __future__ import annotations

import pytest

from mcp_gateway_sdk._sse import SseSplitter, TooLargeError

STREAMS = {
    "line feeds": (b"event: message\ndata: one\n\ndata: two\n\n", [b"one", b"two"]),
    "carriage returns": (b"data: one\r\rdata: two\r\r", [b"one", b"two"]),
    "both": (b"data: one\r\n\r\ndata: two\r\n\r\n", [b"one", b"two"]),
    "many lines that both end": (b"data: a\r\ndata: b\r\n\r\n", [b"a\nb"]),
    "many lines": (b"data: a\ndata:\ndata:  b\n\n", [b"a\n\n b"]),
    "no space after the colon": (b"data:one\n\n", [b"one"]),
    "comments and other fields": (b": hello\n\nid: 7\nretry: 3\nevent: message\ndata: one\nfuture\n\n", [b"one"]),
    "an event without data": (b"id: 1\n\ndata: one\n\n", [b"one"]),
    "empty data": (b"data\n\ndata: one\n\n", [b"", b"one"]),
    "a byte order mark": (b"\xef\xbb\xbfdata: one\n\n", [b"one"]),
    "text outside ASCII": ("data: Grüße 🚀\n\n".encode(), ["Grüße 🚀".encode()]),
    "what is not ended": (b"data: one\n\ndata: two\n", [b"one"]),
}


def split(pieces: list[bytes], most: int = 1000) -> list[bytes]:
    splitter = SseSplitter(most)
    return [data for piece in pieces for data in splitter.push(piece)]


@pytest.mark.parametrize(("stream", "events"), STREAMS.values(), ids=STREAMS.keys())
def test_events_are_the_same_wherever_the_stream_is_cut(stream: bytes, events: list[bytes]) -> None:
    assert split([stream]) == events
    assert split([stream[at : at + 1] for at in range(len(stream))]) == events
    for at in range(len(stream) + 1):
        assert split([stream[:at], stream[at:]]) == events
        assert split([stream[:at], b"", stream[at:]]) == events


@pytest.mark.parametrize("stream", [b"data: " + b"x" * 200, b"data: x\n" * 40, b":" + b"x" * 200])
def test_an_event_that_is_too_large_is_refused_before_it_is_whole(stream: bytes) -> None:
    with pytest.raises(TooLargeError):
        split([stream], most=64)
    with pytest.raises(TooLargeError):
        split([stream[at : at + 1] for at in range(len(stream))], most=64)


def test_the_bound_is_for_one_event() -> None:
    assert len(split([b"data: " + b"x" * 40 + b"\n\n"] * 50, most=64)) == 50
