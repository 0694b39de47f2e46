"""What is repeated, after how long, and what is not because it may have run. No test waits: the clock is the test's."""

from __future__ import annotations

import socket
import threading
from datetime import datetime, timezone
from typing import Any

import httpx
import pytest

from mcp_gateway_sdk import AdmissionError, CallTimeoutError, GatewayError, RateLimitError, TransportError, UpstreamError
from mcp_gateway_sdk._codes import CODES
from mcp_gateway_sdk._messages import retry_after_header

from .support.clients import HandClock, Kind, ask, perform
from .support.loopback import Loopback, Request, Script, result_for
from .support.refusals import SHAPES, refuse

RETRYABLE = [code for code, row in CODES.items() if row.status in (429, 503)]


def fine(request: Request) -> None:
    request.connection.json(200, result_for(request))


def called(
    kind: Kind, server: Loopback, scripts: list[Script], clock: HandClock, *, call: dict[str, Any] | None = None, **options: Any
) -> Any:
    server.scripts = scripts
    (result,) = perform(kind, {"gateway_url": server.url, **options}, ask("call_tool", "t", {"a": 1}, **(call or {})), clock=clock)
    return result


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("code", RETRYABLE)
def test_503_and_429_of_the_gateway_are_repeated(server: Loopback, code: str, shape: str) -> None:
    clock = HandClock()
    assert called("sync", server, [refuse(code, shape), refuse(code, shape), fine], clock).text == "fine"
    assert clock.slept == [1, 2]
    arguments = [request.json["params"]["arguments"] for request in server.seen]
    assert arguments == [{"a": 1}] * 3
    assert len({request.headers["traceparent"][3:35] for request in server.seen}) == 1
    assert [request.id for request in server.seen] == [1, 2, 3]


@pytest.mark.parametrize("code", [code for code, row in CODES.items() if row.status not in (429, 503) and code != "session_not_found"])
def test_nothing_else_is(server: Loopback, code: str) -> None:
    clock = HandClock()
    with pytest.raises(GatewayError):
        called("sync", server, [refuse(code, headers={"retry-after": "1"}), fine], clock, call={"idempotent": True})
    assert (len(server.seen), clock.slept) == (1, [])


def test_a_refusal_from_after_the_wire_is_not_whatever_its_status(server: Loopback) -> None:
    with pytest.raises(UpstreamError):
        called("sync", server, [refuse("mcp_transport_failed", status=503), fine], HandClock())
    assert len(server.seen) == 1


def test_either_client_repeats(kind: Kind, server: Loopback) -> None:
    clock = HandClock(chance=0.5)
    assert called(kind, server, [refuse("gateway_overloaded")] * 3 + [fine], clock, backoff_base=4).text == "fine"
    assert clock.slept == [2, 4, 8]


def test_after_as_many_as_were_agreed_the_last_refusal_is_raised(kind: Kind, server: Loopback) -> None:
    clock = HandClock()
    with pytest.raises(AdmissionError):
        called(kind, server, [refuse("gateway_overloaded")] * 5, clock, max_retries=2)
    assert (len(server.seen), clock.slept) == (3, [1, 2])


def test_none_when_none_are_wanted(kind: Kind, server: Loopback) -> None:
    with pytest.raises(AdmissionError):
        called(kind, server, [refuse("gateway_overloaded")] * 2, HandClock(), max_retries=0)
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("headers", "members", "chance", "slept"),
    [
        ({"retry-after": "7"}, {}, 1.0, 7), ({}, {"details": {"retry_after_seconds": 9}}, 1.0, 9), ({"retry-after": "0"}, {}, 1.0, 1), ({"retry-after": "0"}, {}, 0.0, 0),
        ({"retry-after": "600"}, {}, 1.0, 60), ({}, {}, 0.25, 0.25),
    ],
)  # fmt: skip
def test_the_longer_of_the_gateways_word_and_the_jitter_up_to_a_minute(
    server: Loopback, headers: dict[str, str], members: Any, chance: float, slept: float
) -> None:
    clock = HandClock(chance)
    called("sync", server, [refuse("ratelimit_exceeded", headers=headers, **members), fine], clock, timeout=1000)
    assert clock.slept == [slept]


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("999999999", 999999999), ("10000000000", 10_000_000_000), (" 7 ", 7), ("soon", None), ("1.5", None), ("-5", None), ("٣", None),
        ("Wed, 21 Oct 2026 07:28:09 GMT", 9), ("Wednesday, 21-Oct-26 07:28:09 GMT", 9), ("Wed Oct 21 07:28:09 2026", 9),
        ("Wed, 21 Oct 2026 07:27:00 GMT", 0), ("Wed, 99 Foo 2026 07:28:09 GMT", None), ("Wed, 21 Oct", None),
    ],
)  # fmt: skip
def test_a_large_number_is_one_and_nonsense_is_none(said: str, seconds: float | None) -> None:
    now = datetime(2026, 10, 21, 7, 28, tzinfo=timezone.utc).timestamp()
    assert retry_after_header({"retry-after": said}, now) == seconds


def test_no_wait_goes_past_the_calls_time(kind: Kind, server: Loopback) -> None:
    clock = HandClock()
    with pytest.raises(RateLimitError) as raised:
        called(kind, server, [refuse("ratelimit_exceeded", headers={"retry-after": "50"}), fine], clock)
    assert (raised.value.retry_after, clock.slept) == (50, [])


def test_the_time_is_that_of_all_repetitions(kind: Kind, server: Loopback) -> None:
    clock = HandClock()
    with pytest.raises(RateLimitError):
        called(kind, server, [refuse("ratelimit_exceeded", headers={"retry-after": "4"})] * 9, clock, call={"timeout": 10}, max_retries=9)
    assert clock.slept == [4, 4]


def bare(status: int) -> Script:
    return lambda request: request.connection.answer(status, "<html>", {"content-type": "text/html", "retry-after": "3"})


def cut_before(request: Request) -> None:
    request.connection.cut()


def cut_within(request: Request) -> None:
    request.connection.answer(200, "{", {"content-type": "application/json"}, length=100)
    request.connection.cut()


def cut_stream(request: Request) -> None:
    request.connection.stream()
    request.connection.piece(b": hello\n\n")
    request.connection.cut()


UNSURE: dict[str, Script] = {
    "503": bare(503),
    "429": bare(429),
    "no answer": cut_before,
    "half an answer": cut_within,
    "half a stream": cut_stream,
}


@pytest.mark.parametrize("script", UNSURE.values(), ids=UNSURE.keys())
def test_what_may_have_run_is_repeated_for_idempotent_calls_alone(kind: Kind, server: Loopback, script: Script) -> None:
    with pytest.raises(TransportError) as raised:
        called(kind, server, [script, fine], HandClock())
    assert raised.value.may_have_run
    assert len(server.seen) == 1
    clock = HandClock()
    assert called(kind, server, [script, fine], clock, call={"idempotent": True}).text == "fine"
    assert len(server.seen) == 3
    assert len(clock.slept) == 1
    with pytest.raises(TransportError):
        called(kind, server, [script] * 3, HandClock(), call={"idempotent": True}, max_retries=1)


def test_the_word_of_a_proxy_is_waited_for_too(server: Loopback) -> None:
    clock = HandClock()
    called("sync", server, [bare(503), fine], clock, call={"idempotent": True})
    assert clock.slept == [3]


@pytest.mark.parametrize("status", [200, 302, 400, 404, 500, 502, 504])
def test_other_pages_are_not_repeated_for_them_either(server: Loopback, status: int) -> None:
    with pytest.raises(TransportError):
        called("sync", server, [bare(status), fine], HandClock(), call={"idempotent": True})
    assert len(server.seen) == 1


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_nothing_has_run_where_nobody_listens(kind: Kind) -> None:
    clock = HandClock()
    with pytest.raises(TransportError) as raised:
        perform(kind, {"gateway_url": f"http://127.0.0.1:{closed_port()}"}, ask("call_tool", "t"), clock=clock)
    assert not raised.value.may_have_run
    assert clock.slept == []


def test_what_an_earlier_attempt_may_have_run_is_not_forgotten(kind: Kind) -> None:
    def break_off() -> None:
        connection, _ = listener.accept()
        connection.recv(65536)
        listener.close()
        connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = threading.Thread(target=break_off)
        server.start()
        clock = HandClock()
        with pytest.raises(TransportError) as raised:
            perform(kind, {"gateway_url": url}, ask("call_tool", "t", idempotent=True), clock=clock)
        server.join()
    assert len(clock.slept) > 0
    assert raised.value.may_have_run


def test_nothing_has_run_where_the_request_was_not_sent_whole(kind: Kind, server: Loopback) -> None:
    """The server hangs up while a body larger than all buffers is on its way."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]

    def hang_up() -> None:
        connection, _ = listener.accept()
        connection.recv(1000)
        connection.close()

    thread = threading.Thread(target=hang_up)
    thread.start()
    try:
        with pytest.raises(TransportError) as raised:
            perform(kind, {"gateway_url": f"http://127.0.0.1:{port}"}, ask("call_tool", "t", {"a": "x" * 50_000_000}))
    finally:
        thread.join()
        listener.close()
    assert not raised.value.may_have_run


class TellsNothing(httpx.BaseTransport):
    """A transport of somebody's own, which says nothing of how far a request got."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("gone")


def test_where_nobody_knows_it_may_have_run() -> None:
    with httpx.Client(transport=TellsNothing()) as http, pytest.raises(TransportError) as raised:
        perform("sync", {"gateway_url": "http://localhost", "http_client": http}, ask("call_tool", "t"))
    assert raised.value.may_have_run


def test_a_time_out_is_not_repeated(kind: Kind, server: Loopback) -> None:
    server.script = lambda request: str(request.connection.wait_until_closed())
    with pytest.raises(CallTimeoutError) as raised:
        perform(kind, {"gateway_url": server.url}, ask("call_tool", "t", timeout=0.5, idempotent=True))
    assert raised.value.may_have_run
    assert isinstance(raised.value, TimeoutError)
    assert len(server.seen) == 1


def test_lists_are_repeated_like_calls(kind: Kind, server: Loopback) -> None:
    server.scripts = [
        refuse("gateway_overloaded"),
        lambda request: request.connection.json(200, {"jsonrpc": "2.0", "id": request.id, "result": {"tools": []}}),
    ]
    assert perform(kind, {"gateway_url": server.url}, ask("list_tools"), clock=HandClock()) == [[]]


def test_who_streams_is_tried_for_too(kind: Kind, server: Loopback) -> None:
    server.scripts = [refuse("gateway_overloaded", "stream"), fine]
    (items,) = perform(kind, {"gateway_url": server.url}, ask("stream_tool", "t"), clock=HandClock())
    assert [item.text for item in items] == ["fine"]
