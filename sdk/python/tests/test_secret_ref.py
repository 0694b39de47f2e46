"""References to secrets."""

from __future__ import annotations

import copy
import json
import logging

import pytest

from mcp_gateway_sdk import ConfigurationError, SecretRef, secret_ref

from .support.clients import Kind, ask, perform
from .support.loopback import Loopback
from .support.refusals import error


@pytest.mark.parametrize(
    ("made", "wire"),
    [
        (secret_ref("api-key.1_A"), "$SPIKE{ref:api-key.1_A}"),
        (secret_ref("a", 60), "$SPIKE{ref:a,exp:60}"),
        (secret_ref("a", scope="mail.send"), "$SPIKE{ref:a,scope:mail.send}"),
        (secret_ref("a", 1, "x:y/z"), "$SPIKE{ref:a,exp:1,scope:x:y/z}"),
        ("Bearer " + secret_ref("a") + "!", "Bearer $SPIKE{ref:a}!"),
        (secret_ref("a") + ":" + secret_ref("b"), "$SPIKE{ref:a}:$SPIKE{ref:b}"),
    ],
)
def test_the_wire_has_what_str_and_repr_have_not(kind: Kind, server: Loopback, made: SecretRef, wire: str) -> None:
    perform(kind, {"gateway_url": server.url}, ask("call_tool", "t", {"deep": [{"key": made}]}))
    assert server.seen[0].json["params"]["arguments"] == {"deep": [{"key": wire}]}
    for shown in (str(made), repr(made), f"{made}", f"{made!r:>3}", repr({"a": made}), str([made]), repr(copy.deepcopy(made))):
        assert "SPIKE" not in shown
        assert "ref:" not in shown
    assert str(made) == "SecretRef(…)"


@pytest.mark.parametrize(
    "words", [("",), ("a b",), ("a}",), ("a,scope:b",), ("x" * 129,), ("ü",), (7,), ("a", 0), ("a", -1), ("a", 1.5), ("a", True), ("a", 10**10),
              ("a", None, ""), ("a", None, "a b"), ("a", None, "a,b"), ("a", None, "}"), ("a", None, '"'), ("a", None, "\\"), ("a", None, "x" * 257)],
)  # fmt: skip
def test_what_the_gateway_would_not_read_is_refused_without_being_shown(words: tuple[object, ...]) -> None:
    with pytest.raises(ConfigurationError) as raised:
        secret_ref(*words)  # type: ignore[arg-type]
    assert all(str(word) not in str(raised.value) for word in words if isinstance(word, str) and len(word) > 1)


def test_references_are_equal_by_what_they_stand_for() -> None:
    assert secret_ref("a") == secret_ref("a") != secret_ref("b")
    assert len({secret_ref("a"), secret_ref("a")}) == 1


def test_no_plain_serialiser_writes_one() -> None:
    with pytest.raises(TypeError):
        json.dumps(secret_ref("a"))


def test_neither_errors_nor_logs_show_arguments_or_references(kind: Kind, server: Loopback, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server.script = error(-32602, "no such thing: $SPIKE{ref:the-key,exp:5} and $SPIKE{ref:cut")
    arguments = {"key": secret_ref("the-key"), "card": "4111111111111111"}
    with pytest.raises(Exception, match="JSON-RPC error -32602") as raised:
        perform(kind, {"gateway_url": server.url, "jwt_svid": "very.secret.token"}, ask("call_tool", "t", arguments))
    shown = f"{raised.value} {raised.value!r} {caplog.text}"
    for hidden in ("the-key", "ref:cut", "4111", "very.secret"):
        assert hidden not in shown
