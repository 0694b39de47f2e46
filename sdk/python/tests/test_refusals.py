"""Refusals as exceptions, in each shape in which they come, and what is no refusal."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from mcp_gateway_sdk import (
    DLPViolationError,
    GatewayError,
    InputRequiredError,
    ProtocolError,
    SessionExpiredError,
    ToolError,
    TransportError,
    errors,
)
from mcp_gateway_sdk._codes import CODES, FAMILY_OF_STEP

from .support.clients import Kind, ask, perform
from .support.loopback import Loopback, Request, Script, result_for
from .support.refusals import DECISION, SHAPES, TRACE, envelope, error, refuse

ONCE = {"max_retries": 0}


def raised_by(kind: Kind, server: Loopback, operation: str = "call_tool", *words: Any, **options: Any) -> BaseException:
    with pytest.raises(errors.PrecinctError) as raised:
        perform(kind, {"gateway_url": server.url, **ONCE, **options}, ask(operation, *(words or ("t", {"a": 1}))))
    return raised.value


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("code", [code for code in CODES if code != "session_not_found"])
def test_each_code_is_an_error_of_its_family_in_each_shape(server: Loopback, code: str, shape: str) -> None:
    server.script = refuse(code, shape, reason_code="why", details={"tool": "t"}, docs_url="docs/error-codes.md#x")
    found = raised_by("sync", server)
    assert isinstance(found, GatewayError)
    assert type(found).__name__ == CODES[code].family == FAMILY_OF_STEP[CODES[code].step]
    assert (found.code, found.step, found.middleware, found.reason_code) == (code, CODES[code].step, CODES[code].middleware, "why")
    assert (found.decision_id, found.trace_id, found.remediation, found.docs_url) == (
        DECISION,
        TRACE,
        "Do otherwise.",
        "docs/error-codes.md#x",
    )
    assert (found.details, found.retry_after, found.rpc_code) == ({"tool": "t"}, None, CODES[code].status)
    assert found.http_status == (CODES[code].status if shape in ("flat", "status") else 200)
    for word in (code, "Refused.", DECISION):
        assert word in str(found)
    assert ("Do otherwise." in str(found)) == (code != "stepup_approval_required")  # whose remedy is the command that approves


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("operation", ["call_tool", "stream_tool", "list_tools"])
def test_every_operation_of_either_client_raises_them(kind: Kind, server: Loopback, operation: str, shape: str) -> None:
    server.script = refuse("dlp_pii_blocked", shape)
    words = () if operation == "list_tools" else ("t",)
    with pytest.raises(DLPViolationError):
        perform(kind, {"gateway_url": server.url}, ask(operation, *words))


def test_a_flat_envelope_without_a_json_rpc_error_is_one_too(kind: Kind, server: Loopback) -> None:
    server.script = lambda request: request.connection.json(403, envelope("authz_policy_denied"))
    assert type(raised_by(kind, server)) is errors.AuthorizationError


def test_an_envelope_beside_a_result_is_none(kind: Kind, server: Loopback) -> None:
    """The call has run: taking it for a refusal would run it again."""
    server.script = lambda request: request.connection.json(200, {**envelope("gateway_overloaded"), **result_for(request, "paid")})
    (result,) = perform(kind, {"gateway_url": server.url}, ask("call_tool", "t"))
    assert (result.text, len(server.seen)) == ("paid", 1)


@pytest.mark.parametrize(("step", "name"), [(7, "DLPViolationError"), (0, "AdmissionError"), (16, "GatewayError"), (None, "GatewayError")])
def test_a_code_of_a_newer_gateway_is_of_the_family_of_its_step(server: Loopback, step: int | None, name: str) -> None:
    server.script = refuse("something_new", step=step)
    found = raised_by("sync", server)
    assert isinstance(found, GatewayError)
    assert (type(found).__name__, found.code, found.step) == (name, "something_new", step)


@pytest.mark.parametrize(
    ("headers", "members", "seconds"),
    [
        ({"retry-after": "7"}, {}, 7), ({}, {"details": {"retry_after_seconds": 9}}, 9), ({"retry-after": "7"}, {"details": {"retry_after_seconds": 9}}, 9), ({"retry-after": "9"}, {"retry_after": 7, "details": {"retry_after_seconds": 3}}, 9),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, {}, 0), ({"retry-after": "-1"}, {}, None), ({}, {"details": {"retry_after_seconds": "soon"}}, None), ({}, {"details": {"retry_after_seconds": 0}}, 0), ({"retry-after": "0"}, {}, 0),
    ],
)  # fmt: skip
def test_when_to_come_again_is_said_by_the_header_or_the_envelope(
    server: Loopback, headers: dict[str, str], members: Any, seconds: float | None
) -> None:
    server.script = refuse("authz_policy_denied", headers=headers, **members)
    found = raised_by("sync", server)
    assert isinstance(found, GatewayError)
    assert found.retry_after == seconds


def test_an_error_without_an_envelope_is_the_tool_servers_own(kind: Kind, server: Loopback) -> None:
    server.script = error(-32602, "query is missing", {"code": "ours?", "argument": "query"})
    found = raised_by(kind, server)
    assert isinstance(found, ProtocolError)
    assert (found.rpc_code, found.message, found.data, found.http_status) == (
        -32602,
        "query is missing",
        {"code": "ours?", "argument": "query"},
        200,
    )
    assert found.trace_id == server.seen[0].headers["traceparent"][3:35]


def test_a_tool_that_fails_is_a_result_until_somebody_asks(kind: Kind, server: Loopback) -> None:
    server.script = lambda request: request.connection.json(200, result_for(request, "the disk is full", isError=True))
    (result,) = perform(kind, {"gateway_url": server.url}, ask("call_tool", "t"))
    assert result.is_error
    with pytest.raises(ToolError) as raised:
        result.raise_on_error()
    assert raised.value.result is result
    assert raised.value.message == "the disk is full"
    assert "disk" not in f"{raised.value} {raised.value!r}"


def test_a_question_in_the_answer_is_an_error_with_what_goes_back(kind: Kind, server: Loopback) -> None:
    state = 'st@te "ü"\\'
    question = {"who": {"method": "elicitation/create", "params": {}}}

    def script(request: Request) -> None:
        asked = "inputResponses" not in request.json["params"]
        members = {"resultType": "input_required", "inputRequests": question, "requestState": state}
        request.connection.json(200, {"jsonrpc": "2.0", "id": request.id, "result": members} if asked else result_for(request))

    server.script = script
    found = raised_by(kind, server)
    assert isinstance(found, InputRequiredError)
    assert (found.input_requests, found.request_state) == (question, state)
    (result,) = perform(
        kind,
        {"gateway_url": server.url},
        ask("call_tool", "t", input_responses={"who": {"action": "accept"}}, request_state=found.request_state),
    )
    assert result.text == "fine"
    assert server.seen[-1].json["params"]["requestState"] == state


NOT_MCP: dict[str, Script] = {
    "a page of a proxy": lambda request: request.connection.answer(502, "<html>", {"content-type": "text/html; charset=utf-8"}),
    "no type": lambda request: request.connection.answer(200, "{}"),
    "no JSON": lambda request: request.connection.answer(200, "nonsense", {"content-type": "application/json"}),
    "other JSON": lambda request: request.connection.json(200, {"status": "ok"}),
    "a list": lambda request: request.connection.json(200, [1]),
    "nested without end": lambda request: request.connection.answer(200, "[" * 200_000, {"content-type": "application/json"}),
    "the answer to another": lambda request: request.connection.json(200, {**result_for(request), "id": 4711}),
    "an id of another type": lambda request: request.connection.json(200, {**result_for(request), "id": str(request.id)}),
    "another's refusal": lambda request: request.connection.json(200, {"jsonrpc": "2.0", "id": 4711, "error": {"code": 403, "message": "no", "data": envelope("authz_policy_denied")}}),
    "content that is no list": lambda request: request.connection.json(200, {"jsonrpc": "2.0", "id": request.id, "result": {"content": "fine"}}),
    "blocks that are none": lambda request: request.connection.json(200, {"jsonrpc": "2.0", "id": request.id, "result": {"content": ["fine"]}}),
    "a result that is none": lambda request: request.connection.json(200, {"jsonrpc": "2.0", "id": request.id, "result": "fine"}),
    "a redirect": lambda request: request.connection.answer(307, "", {"location": "http://127.0.0.1:1/", "content-type": "text/plain"}),
    "accepted": lambda request: request.connection.answer(202),
}  # fmt: skip


@pytest.mark.parametrize("script", NOT_MCP.values(), ids=NOT_MCP.keys())
def test_what_is_no_mcp_is_a_transport_error(kind: Kind, server: Loopback, script: Script) -> None:
    server.script = script
    found = raised_by(kind, server)
    assert isinstance(found, TransportError)
    assert found.may_have_run
    assert found.http_status is None or str(found.http_status) in str(found)
    assert len(server.seen) == 1


def test_the_status_and_type_of_a_page_are_named(server: Loopback) -> None:
    server.script = NOT_MCP["a page of a proxy"]
    assert "HTTP 502" in str(raised_by("sync", server))
    assert "text/html" in str(raised_by("sync", server))


STREAMS: dict[str, list[bytes]] = {
    "nothing": [],
    "a comment": [b": hello\n\n"],
    "an event that is no JSON": [b"data: nonsense\n\n"],
    "half an answer": [b'data: {"jsonrpc":"2.0","id":1,"result":{}}\n'],
}


@pytest.mark.parametrize("pieces", STREAMS.values(), ids=STREAMS.keys())
def test_a_stream_without_an_answer_is_a_transport_error(kind: Kind, server: Loopback, pieces: list[bytes]) -> None:
    def script(request: Request) -> None:
        request.connection.stream()
        for piece in pieces:
            request.connection.piece(piece)
        request.connection.end()

    server.script = script
    found = raised_by(kind, server)
    assert isinstance(found, TransportError)
    assert found.may_have_run


@pytest.mark.parametrize("streams", [False, True])
def test_an_answer_above_the_bound_is_not_read_to_its_end(kind: Kind, server: Loopback, streams: bool) -> None:
    def script(request: Request) -> None:
        if streams:
            request.connection.stream()
            request.connection.event(result_for(request, "x" * 4000))
        else:
            request.connection.json(200, result_for(request, "x" * 4000))
        request.connection.wait_until_closed()

    server.script = script
    with pytest.raises(TransportError, match="max_answer_bytes") as raised:
        perform(kind, {"gateway_url": server.url, "max_answer_bytes": 1000}, ask("call_tool", "t", idempotent=True))
    assert raised.value.may_have_run
    assert raised.value.http_status == 200
    assert len(server.seen) == 1  # another one would be as large


def test_the_gateways_own_404_is_an_error_of_admission() -> None:
    assert issubclass(SessionExpiredError, errors.AdmissionError)


def test_errors_survive_being_sent_to_another_process() -> None:
    found = errors.StepUpError("stepup_denied", "no", step=9, details={"request_id": "apr-1"}, retry_after=5)
    again = pickle.loads(pickle.dumps(found))
    assert type(again) is errors.StepUpError
    assert (str(again), again.step, again.request_id, again.retry_after) == (str(found), 9, "apr-1", 5)
    lost = pickle.loads(pickle.dumps(TransportError("gone", may_have_run=True)))
    assert lost.may_have_run


def test_texts_of_servers_stay_on_one_line_and_within_a_bound() -> None:
    shown = str(ProtocolError(-1, "a\nb\x1b[31m" + "x" * 10_000))
    assert "\n" not in shown
    assert "\x1b" not in shown
    assert len(shown) <= 2000


def test_there_is_a_class_for_each_family_and_a_family_for_each_code() -> None:
    assert set(FAMILY_OF_STEP.values()) == set(errors.FAMILIES)
    assert {row.family for row in CODES.values()} == set(errors.FAMILIES)
