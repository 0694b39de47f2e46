"""Mutual TLS with certificates in files: whom the client trusts, what it presents, and how that is renewed."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mcp_gateway_sdk import CallTimeoutError, ConfigurationError, GatewayClient, Identity, SyncGatewayClient, TransportError

from .support.clients import Kind, ask, perform
from .support.loopback import GATEWAY, Loopback, Request, dripping_head, loopback, told

if TYPE_CHECKING:
    from .support.pki import Authority

pytest.importorskip("cryptography", reason="cryptography is not installed")

ID = "spiffe://test.local/agent"


@pytest.fixture
def files(authority: Authority, tmp_path: Path) -> dict[str, Any]:
    from .support.pki import write_pair

    cert, key = write_pair(tmp_path, "svid", authority.issue(ID))
    ca = tmp_path / "bundle.pem"
    ca.write_bytes(authority.own.cert_pem)
    return {"cert_file": cert, "key_file": key, "ca_file": str(ca)}


def replace(authority: Authority, files: dict[str, Any], spiffe_id: str) -> None:
    pair = authority.issue(spiffe_id)
    for name, content in (("cert_file", pair.cert_pem), ("key_file", pair.key_pem)):
        new = files[name] + ".new"
        Path(new).write_bytes(content)
        os.replace(new, files[name])


def test_the_certificate_is_presented_and_the_gateways_is_checked(kind: Kind, gateway: Loopback, files: dict[str, Any]) -> None:
    (result,) = perform(kind, {"gateway_url": gateway.url, **files}, ask("call_tool", "t"))
    assert result.text == ID
    assert not {"x-spiffe-id", "authorization"} & set(gateway.seen[0].headers)


def test_a_call_over_tls_has_its_end_too(kind: Kind, gateway: Loopback, files: dict[str, Any]) -> None:
    gateway.script = dripping_head
    with pytest.raises(CallTimeoutError):
        perform(kind, {"gateway_url": gateway.url, **files}, ask("call_tool", "t", timeout=0.5))


@pytest.mark.parametrize("source", ["environment", "files"])
def test_it_may_come_from_the_environment(
    kind: Kind, gateway: Loopback, files: dict[str, Any], source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if source == "environment":
        for option, name in (("cert_file", "PRECINCT_CERT_FILE"), ("key_file", "PRECINCT_KEY_FILE"), ("ca_file", "PRECINCT_CA_FILE")):
            monkeypatch.setenv(name, files[option])
    else:
        monkeypatch.setenv("PRECINCT_SVID_DIR", str(Path(files["cert_file"]).parent))
    assert SyncGatewayClient(gateway.url).identity.source == source
    (result,) = perform(kind, {"gateway_url": gateway.url}, ask("call_tool", "t"))
    assert result.text == ID


def test_without_a_certificate_the_authorities_alone_count(kind: Kind, gateway: Loopback, files: dict[str, Any]) -> None:
    (result,) = perform(kind, {"gateway_url": gateway.url, "spiffe_id": ID, "ca_file": files["ca_file"]}, ask("call_tool", "t"))
    assert result.text == "None"
    assert gateway.seen[0].headers["x-spiffe-id"] == ID


def test_a_gateway_of_another_authority_is_not_spoken_to(kind: Kind, gateway: Loopback, files: dict[str, Any], tmp_path: Path) -> None:
    from .support.pki import Authority

    other = tmp_path / "other.pem"
    other.write_bytes(Authority().own.cert_pem)
    for options in ({**files, "ca_file": str(other)}, {}):
        with pytest.raises(TransportError) as raised:
            perform(kind, {"gateway_url": gateway.url, **options}, ask("call_tool", "t"))
        assert not raised.value.may_have_run
    assert gateway.seen == []


def test_a_certificate_that_the_gateway_refuses_is_said_so(gateway: Loopback, files: dict[str, Any], tmp_path: Path) -> None:
    from .support.pki import Authority, write_pair

    cert, key = write_pair(tmp_path, "stranger", Authority().issue(ID))
    with (
        pytest.raises(TransportError, match=r"SSL: \w*ALERT"),
        SyncGatewayClient(gateway.url, **{**files, "cert_file": cert, "key_file": key}) as client,
    ):
        client.call_tool("t")
    assert gateway.seen == []


def test_nor_is_one_of_another_host_name(kind: Kind, authority: Authority, files: dict[str, Any], tmp_path: Path) -> None:
    with loopback(authority.server_context(authority.issue(None, ("elsewhere.example",)), tmp_path)) as serving:
        with pytest.raises(TransportError):
            perform(kind, {"gateway_url": serving.url, **files}, ask("call_tool", "t"))
        assert serving.seen == []


def test_its_spiffe_id_may_count_instead_of_the_host_name(kind: Kind, authority: Authority, files: dict[str, Any], tmp_path: Path) -> None:
    with loopback(authority.server_context(authority.issue(GATEWAY), tmp_path)) as serving:
        serving.script = told
        (result,) = perform(kind, {"gateway_url": serving.url, **files, "gateway_spiffe_id": GATEWAY}, ask("call_tool", "t"))
        assert result.text == ID
        for wrong in (f"{GATEWAY}/x", "spiffe://test.local/agent", "spiffe://other.local/gateway"):
            with pytest.raises(TransportError) as raised:
                perform(kind, {"gateway_url": serving.url, **files, "gateway_spiffe_id": wrong}, ask("call_tool", "t"))
            assert not raised.value.may_have_run
        assert len(serving.seen) == 1


def test_a_certificate_without_the_id_is_refused(kind: Kind, authority: Authority, files: dict[str, Any], tmp_path: Path) -> None:
    with loopback(authority.server_context(authority.issue(None, ("localhost",)), tmp_path)) as serving:
        with pytest.raises(TransportError):
            perform(kind, {"gateway_url": serving.url, **files, "gateway_spiffe_id": GATEWAY}, ask("call_tool", "t"))
        assert serving.seen == []


def test_files_that_change_are_presented_by_the_same_client(gateway: Loopback, authority: Authority, files: dict[str, Any]) -> None:
    with SyncGatewayClient(gateway.url, **files) as client:
        texts = [client.call_tool("t").text, client.call_tool("t").text]
        connections = gateway.connections
        replace(authority, files, "spiffe://test.local/renewed")
        texts += [client.call_tool("t").text, client.call_tool("t").text]
    assert texts == [ID, ID, "spiffe://test.local/renewed", "spiffe://test.local/renewed"]
    assert (connections, gateway.connections) == (1, 2)


def test_also_by_the_asynchronous_one_while_a_call_is_under_way(gateway: Loopback, authority: Authority, files: dict[str, Any]) -> None:
    import threading

    may_answer = threading.Event()

    def wait(request: Request) -> None:
        assert may_answer.wait(10)
        told(request)

    async def renew() -> list[str]:
        async with GatewayClient(gateway.url, **files) as client:
            gateway.scripts = [wait]
            first = asyncio.ensure_future(client.call_tool("t"))
            while not gateway.seen:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            replace(authority, files, "spiffe://test.local/renewed")
            second = await client.call_tool("t")
            may_answer.set()
            return [(await first).text, second.text]

    assert asyncio.run(renew()) == [ID, "spiffe://test.local/renewed"]


def test_half_of_a_change_changes_nothing_yet(gateway: Loopback, authority: Authority, files: dict[str, Any]) -> None:
    pair = authority.issue("spiffe://test.local/renewed")
    with SyncGatewayClient(gateway.url, **files) as client:
        client.call_tool("t")
        Path(files["cert_file"]).write_bytes(pair.cert_pem)
        assert client.call_tool("t").text == ID
        Path(files["key_file"]).write_bytes(pair.key_pem)
        assert client.call_tool("t").text == "spiffe://test.local/renewed"


@pytest.mark.parametrize("fault", ["no PEM", "another's key", "absent", "a password"])
def test_what_is_wrong_with_the_files_is_said_at_once(files: dict[str, Any], authority: Authority, fault: str) -> None:
    options = dict(files)
    match fault:
        case "no PEM":
            Path(files["cert_file"]).write_text("nonsense")
        case "another's key":
            Path(files["key_file"]).write_bytes(authority.issue(ID).key_pem)
        case "absent":
            options["key_file"] = files["key_file"] + ".absent"
        case "a password":
            from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

            pair = authority.issue(ID)
            Path(files["cert_file"]).write_bytes(pair.cert_pem)
            Path(files["key_file"]).write_bytes(pair.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")))
    with pytest.raises(ConfigurationError) as raised:
        SyncGatewayClient("https://localhost", **options)
    assert "PRIVATE" not in str(raised.value)


def test_authorities_that_are_none_are_refused(tmp_path: Path) -> None:
    bad = tmp_path / "ca.pem"
    bad.write_text("nonsense")
    with pytest.raises(ConfigurationError), SyncGatewayClient("https://localhost", ca_file=str(bad)) as client:
        client.call_tool("t")


def test_no_key_is_left_in_a_file(gateway: Loopback, files: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    elsewhere = tmp_path / "tmp"
    elsewhere.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    for has_memory in (True, False):
        if not has_memory:
            monkeypatch.delattr(os, "memfd_create", raising=False)
        with SyncGatewayClient(gateway.url, **files) as client:
            assert client.call_tool("t").text == ID
            assert client.identity == Identity("argument")
        assert list(elsewhere.iterdir()) == []
