"""Where the identity comes from, in its order, and where none of it may go."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from mcp_gateway_sdk import CallTimeoutError, ConfigurationError, GatewayClient, Identity, SyncGatewayClient

from .support.clients import Kind, ask, perform
from .support.loopback import Loopback

ID = "spiffe://test.local/agents/mcp-client/a/dev"
OTHER = "spiffe://test.local/agents/mcp-client/b/dev"


def sent(server: Loopback) -> list[tuple[str | None, str | None]]:
    return [(request.headers.get("x-spiffe-id"), request.headers.get("authorization")) for request in server.seen]


def test_without_any_nothing_is_sent(kind: Kind, server: Loopback) -> None:
    perform(kind, {"gateway_url": server.url}, ask("call_tool", "t"))
    assert sent(server) == [(None, None)]
    assert SyncGatewayClient(server.url).identity == Identity("none")


def test_a_spiffe_id_is_sent_in_the_header(kind: Kind, server: Loopback) -> None:
    perform(kind, {"gateway_url": server.url, "spiffe_id": ID}, ask("call_tool", "t"))
    assert sent(server) == [(ID, None)]
    assert SyncGatewayClient(server.url, ID).identity == Identity("argument", ID)


def test_a_token_is_sent_instead_of_the_header(kind: Kind, server: Loopback) -> None:
    perform(kind, {"gateway_url": server.url, "spiffe_id": ID, "jwt_svid": "a.b.c"}, ask("call_tool", "t"))
    assert sent(server) == [(None, "Bearer a.b.c")]


def test_a_function_is_asked_for_the_token_of_each_request(kind: Kind, server: Loopback) -> None:
    tokens = iter(["one", "two"])
    perform(kind, {"gateway_url": server.url, "jwt_svid": lambda: next(tokens)}, ask("call_tool", "t"), ask("call_tool", "t"))
    assert sent(server) == [(None, "Bearer one"), (None, "Bearer two")]


def test_it_may_be_asynchronous(server: Loopback) -> None:
    async def token() -> str:
        return "later"

    perform("async", {"gateway_url": server.url, "jwt_svid": token}, ask("call_tool", "t"))
    assert sent(server) == [(None, "Bearer later")]


@pytest.mark.parametrize("era", ["2026-07-28", "2025-11-25"])
def test_it_has_the_calls_time(server: Loopback, era: str) -> None:
    async def token() -> str:
        await asyncio.sleep(10)
        return "too-late"

    with pytest.raises(CallTimeoutError) as raised:
        perform("async", {"gateway_url": server.url, "jwt_svid": token, "era": era}, ask("call_tool", "t", timeout=0.05))
    assert not raised.value.may_have_run
    assert server.seen == []


@pytest.mark.parametrize("bad", ["", "two words", "line\r\nX-Evil: 1", "ü", None, 7])
def test_what_is_no_token_is_refused_unseen(kind: Kind, server: Loopback, bad: Any) -> None:
    with pytest.raises(ConfigurationError) as raised:
        perform(kind, {"gateway_url": server.url, "jwt_svid": lambda: bad}, ask("call_tool", "t"))
    assert "Evil" not in str(raised.value)
    assert server.seen == []


@pytest.mark.parametrize(
    ("environment", "identity", "headers"),
    [
        ({"PRECINCT_SPIFFE_ID": ID}, Identity("environment", ID), (ID, None)),
        ({"PRECINCT_JWT_SVID": "a.b.c", "PRECINCT_SPIFFE_ID": ID}, Identity("environment", ID), (None, "Bearer a.b.c")),
        ({"PRECINCT_SPIFFE_ID": ""}, Identity("none"), (None, None)),
        ({"PRECINCT_SPIFFE_ID": ID, "SPIFFE_ENDPOINT_SOCKET": "unix:///nowhere"}, Identity("environment", ID), (ID, None)),
        ({"PRECINCT_SVID_DIR": "/nowhere"}, Identity("none"), (None, None)),  # a certificate says nothing over plain HTTP
        ({"PRECINCT_CERT_FILE": "/nowhere", "PRECINCT_KEY_FILE": "/nowhere"}, Identity("none"), (None, None)),
    ],
)
def test_the_environment_comes_after_the_arguments(
    kind: Kind,
    server: Loopback,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    identity: Identity,
    headers: tuple[str | None, str | None],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert SyncGatewayClient(server.url).identity == identity
    perform(kind, {"gateway_url": server.url}, ask("call_tool", "t"))
    perform(kind, {"gateway_url": server.url, "spiffe_id": OTHER}, ask("call_tool", "t"))
    assert sent(server) == [headers, (OTHER, None)]


def test_the_url_may_come_from_the_environment(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECINCT_GATEWAY_URL", server.url)
    perform("sync", {}, ask("call_tool", "t"))
    assert len(server.seen) == 1
    monkeypatch.delenv("PRECINCT_GATEWAY_URL")
    assert "http://localhost:9090" in repr(GatewayClient())


def test_a_token_in_a_file_is_read_again_when_it_changes(
    kind: Kind, server: Loopback, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("one\n")
    monkeypatch.setenv("PRECINCT_JWT_FILE", str(file))

    def replace(text: str) -> Any:
        new = tmp_path / "new"
        new.write_text(text)
        os.replace(new, file)
        return ask("call_tool", "t")

    perform(kind, {"gateway_url": server.url}, ask("call_tool", "t"), ask("call_tool", "t"))
    perform(kind, {"gateway_url": server.url}, replace("two"))
    with SyncGatewayClient(server.url) as client:
        assert client.identity == Identity("files")
        client.call_tool("t")
        replace("three")
        client.call_tool("t")
        file.unlink()  # what cannot be read any more stays as it was
        client.call_tool("t")
    assert [bearer for _, bearer in sent(server)] == [
        "Bearer one",
        "Bearer one",
        "Bearer two",
        "Bearer two",
        "Bearer three",
        "Bearer three",
    ]


def test_a_file_that_is_not_there_is_named(server: Loopback, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PRECINCT_JWT_FILE", str(tmp_path / "absent"))
    with pytest.raises(ConfigurationError, match="absent"):
        perform("sync", {"gateway_url": server.url}, ask("call_tool", "t"))


FAR = [
    "http://gateway.example",
    "http://a.localhost",
    "http://10.0.0.1:9090",
    "http://[2001:db8::1]/",
    "http://localhost.example",
    "http://127.0.0.1.example",
]
NEAR = [
    "http://localhost:9090",
    "http://127.0.0.1",
    "http://127.9.9.9/",
    "http://[::1]:9090/mcp",
    "http://[::ffff:127.0.0.1]",
]
DECLARED: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"spiffe_id": ID}, {}), ({"jwt_svid": "very.secret.token"}, {}), ({}, {"PRECINCT_SPIFFE_ID": ID}), ({}, {"PRECINCT_JWT_SVID": "very.secret.token"}),
    ({}, {"PRECINCT_JWT_FILE": "/nowhere"}), ({}, {"SPIFFE_ENDPOINT_SOCKET": "unix:///nowhere"}), ({"workload_api": "unix:///nowhere"}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("options", "environment"), DECLARED)
@pytest.mark.parametrize("make", [GatewayClient, SyncGatewayClient])
def test_none_of_it_goes_to_another_machine_over_plain_http(
    make: Any, options: dict[str, Any], environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for url in FAR:
        with pytest.raises(ConfigurationError, match="plain HTTP") as raised:
            make(url, **options)
        assert "very.secret" not in str(raised.value)


@pytest.mark.parametrize("url", NEAR)
def test_this_machine_is_known_by_all_its_names(url: str) -> None:
    assert GatewayClient(url, ID).identity.spiffe_id == ID
    GatewayClient(url.replace("http://", "https://"), ID)


def test_another_machine_may_have_it_over_https() -> None:
    assert GatewayClient("https://gateway.example", ID).identity.source == "argument"


@pytest.mark.parametrize(
    "options",
    [
        {"spiffe_id": "agents/a"}, {"spiffe_id": "spiffe://UPPER/a"}, {"spiffe_id": "spiffe://a/b\r\nX: 1"}, {"spiffe_id": ""}, {"spiffe_id": "spiffe://a/" + "x" * 2048},
        {"gateway_url": "ftp://a"}, {"gateway_url": "nonsense"}, {"gateway_url": "http://"}, {"gateway_url": "http://user:pass@localhost"}, {"gateway_url": "http://a:99999"},
        {"gateway_url": "http://localhost/#x"}, {"gateway_url": "http://local host/"}, {"era": "2024-11-05"}, {"timeout": 0}, {"timeout": -1}, {"timeout": float("nan")}, {"timeout": "5"},
        {"max_retries": -1}, {"max_retries": 1.5}, {"backoff_base": -1}, {"max_answer_bytes": 0}, {"wait_for_approval": -1}, {"cert_file": "a"}, {"key_file": "a"},
        {"cert_file": "a", "key_file": "b"}, {"gateway_spiffe_id": ID}, {"ca_file": "a"}, {"client_name": ""}, {"jwt_svid": "no token"},
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_at_construction(options: dict[str, Any]) -> None:
    for make in (GatewayClient, SyncGatewayClient):
        with pytest.raises(ConfigurationError) as raised:
            make(**{"gateway_url": "http://localhost", **options})
        assert "pass@" not in str(raised.value)


def test_an_http_client_of_the_callers_own_brings_its_own_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECINCT_CA_FILE", "/nowhere")
    monkeypatch.setenv("PRECINCT_SVID_DIR", "/nowhere")
    with httpx.Client() as http:
        assert SyncGatewayClient("https://localhost", http_client=http).identity == Identity("none")
        for options in ({"cert_file": "a", "key_file": "b"}, {"ca_file": "a"}, {"gateway_spiffe_id": ID}):
            with pytest.raises(ConfigurationError, match="http_client"):
                SyncGatewayClient("https://localhost", http_client=http, **options)  # type: ignore[arg-type]


def test_nothing_shows_a_credential(server: Loopback) -> None:
    client = SyncGatewayClient(server.url, ID, jwt_svid="very.secret.token")
    shown = f"{client!r} {client} {client.identity!r} {client._core.evidence!r} {vars(client)}"
    assert "very.secret" not in shown
