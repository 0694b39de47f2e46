"""The Workload API over its Unix socket: X.509-SVIDs that rotate, JWT-SVIDs before they expire, and what is said where it gives none."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mcp_gateway_sdk import ConfigurationError, Identity, SyncGatewayClient, TransportError

from .support.clients import HandClock, Kind, ask, perform
from .support.loopback import GATEWAY, Loopback, loopback, told

if TYPE_CHECKING:
    from .support.pki import Authority
    from .support.workload_server import WorkloadServer

pytest.importorskip("spiffe", reason="the extra [spiffe] is not installed")

ID = "spiffe://test.local/agent"
RENEWED = "spiffe://test.local/renewed"


@pytest.fixture
def clock() -> HandClock:
    clock = HandClock()
    clock.wall_now = time.time()  # the SPIFFE client looks at the expiry itself
    return clock


@pytest.fixture
def workload(tmp_path: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkloadServer]:
    from .support.workload_server import workload_server

    with workload_server(tmp_path, lambda: clock.wall_now) as serving:
        monkeypatch.setenv("SPIFFE_ENDPOINT_SOCKET", f"unix://{serving.socket}")
        yield serving


def until(what: Any, wanted: object) -> None:
    """What is pushed comes a moment later."""
    for _ in range(2000):
        if what() == wanted:
            return
        time.sleep(0.005)
    assert what() == wanted


def test_an_x509_svid_is_presented_over_https(kind: Kind, workload: WorkloadServer, gateway: Loopback, authority: Authority) -> None:
    workload.push(authority, ID, authority.issue(ID))
    (identity, result) = perform(kind, {"gateway_url": gateway.url}, ask("ready"), ask("call_tool", "t"))
    assert identity == Identity("workload_api_x509", ID)
    assert result.text == ID
    assert workload.tokens == []


def test_the_socket_may_be_an_argument(
    workload: WorkloadServer, gateway: Loopback, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SPIFFE_ENDPOINT_SOCKET")
    workload.push(authority, ID, authority.issue(ID))
    for socket in (workload.socket, f"unix:{workload.socket}", f"unix://{workload.socket}"):
        assert perform("sync", {"gateway_url": gateway.url, "workload_api": socket}, ask("call_tool", "t"))[0].text == ID


def test_a_rotated_svid_is_presented_by_the_same_client(workload: WorkloadServer, gateway: Loopback, authority: Authority) -> None:
    workload.push(authority, ID, authority.issue(ID))
    with SyncGatewayClient(gateway.url) as client:
        assert client.identity == Identity("workload_api_x509")
        assert client.call_tool("t").text == ID
        workload.push(authority, RENEWED, authority.issue(RENEWED))
        until(lambda: client.call_tool("t").text, RENEWED)
        assert client.identity == Identity("workload_api_x509", RENEWED)


def test_the_asynchronous_client_rotates_too(workload: WorkloadServer, gateway: Loopback, authority: Authority) -> None:
    import asyncio

    from mcp_gateway_sdk import GatewayClient

    workload.push(authority, ID, authority.issue(ID))

    async def rotate() -> None:
        async with GatewayClient(gateway.url) as client:
            assert (await client.call_tool("t")).text == ID
            workload.push(authority, RENEWED, authority.issue(RENEWED))
            for _ in range(2000):
                if (await client.call_tool("t")).text == RENEWED:
                    return
                await asyncio.sleep(0.005)
            raise AssertionError("not rotated")

    asyncio.run(rotate())


def test_the_same_svid_again_costs_no_connection(workload: WorkloadServer, gateway: Loopback, authority: Authority) -> None:
    pair = authority.issue(ID)
    workload.push(authority, ID, pair)
    with SyncGatewayClient(gateway.url) as client:
        client.call_tool("t")
        seen = client._core.evidence._api._source.get_x509_context().default_svid  # type: ignore[attr-defined]
        workload.push(authority, ID, pair)
        until(lambda: client._core.evidence._api._source.get_x509_context().default_svid is seen, False)  # type: ignore[attr-defined]
        client.call_tool("t")
    assert gateway.connections == 1


def test_what_was_known_stays_when_the_agent_goes_away(workload: WorkloadServer, gateway: Loopback, authority: Authority) -> None:
    workload.push(authority, ID, authority.issue(ID))
    with SyncGatewayClient(gateway.url) as client:
        client.call_tool("t")
        workload.x509 = None
        workload.end_streams()
        assert client.call_tool("t").text == ID


def test_only_the_gateways_own_trust_domain_vouches_for_it(
    kind: Kind, workload: WorkloadServer, authority: Authority, tmp_path: Path
) -> None:
    from .support.pki import Authority

    other = Authority("other.local")
    workload.push(authority, ID, authority.issue(ID), federated=other)
    for issuer, name, works in (
        (other, "spiffe://other.local/gateway", True),
        (authority, "spiffe://other.local/gateway", False),
        (other, GATEWAY, False),
        (authority, GATEWAY, True),
    ):
        context = issuer.server_context(issuer.issue(name), tmp_path)
        context.load_verify_locations(cadata=authority.own.cert_pem.decode())
        with loopback(context) as serving:
            options = {"gateway_url": serving.url, "gateway_spiffe_id": name}
            serving.script = told
            if works:
                assert perform(kind, options, ask("call_tool", "t"))[0].text == ID
                continue
            with pytest.raises(TransportError):
                perform(kind, options, ask("call_tool", "t"))
            assert serving.seen == []


def test_a_jwt_svid_goes_with_plain_http(kind: Kind, workload: WorkloadServer, server: Loopback) -> None:
    identity, _, _ = perform(kind, {"gateway_url": server.url}, ask("ready"), ask("call_tool", "t"), ask("call_tool", "t"))
    assert identity == Identity("workload_api_jwt", ID)
    assert workload.tokens == [(server.url.rstrip("/"),)]
    assert all(request.headers["authorization"].startswith("Bearer ey") for request in server.seen)


def test_for_an_audience_of_the_callers_own(workload: WorkloadServer, server: Loopback) -> None:
    perform("sync", {"gateway_url": server.url, "audience": "precinct"}, ask("call_tool", "t"))
    assert workload.tokens == [("precinct",)]


def test_and_over_https_where_there_is_no_x509_svid(
    kind: Kind, workload: WorkloadServer, gateway: Loopback, authority: Authority, tmp_path: Path
) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_bytes(authority.own.cert_pem)
    identity, _, _ = perform(
        kind, {"gateway_url": gateway.url, "ca_file": str(ca)}, ask("ready"), ask("call_tool", "t"), ask("call_tool", "t")
    )
    assert workload.x509_asked == 1
    assert identity == Identity("workload_api_jwt", ID)
    assert gateway.seen[0].headers["authorization"].startswith("Bearer ey")


def test_it_is_fetched_anew_before_it_expires(workload: WorkloadServer, server: Loopback, clock: HandClock) -> None:
    with SyncGatewayClient(server.url) as client:
        client._core.clock.wall = lambda: clock.wall_now
        for seconds, tokens in ((0, 1), (200, 1), (50, 2), (100, 2), (200, 3)):
            clock.wall_now += seconds
            client.call_tool("t")
            assert len(workload.tokens) == tokens
        # While the old one is good, an agent that gives none is no fault; then it is.
        workload.gives_tokens = False
        clock.wall_now += 250
        client.call_tool("t")
        clock.wall_now += 100
        with pytest.raises(TransportError, match="no SVID") as raised:
            client.call_tool("t")
        assert not raised.value.may_have_run


def test_an_agent_that_gives_nothing_is_said_and_asked_again(workload: WorkloadServer, server: Loopback) -> None:
    workload.gives_tokens = False
    with SyncGatewayClient(server.url) as client:
        with pytest.raises(TransportError, match="register it"):
            client.call_tool("t")
        workload.gives_tokens = True
        client.call_tool("t")
    assert len(server.seen) == 1


def test_no_agent_at_all_is_said(kind: Kind, server: Loopback, tmp_path: Path) -> None:
    with pytest.raises(TransportError, match=r"Workload API did not answer.*is this its socket\?") as raised:
        perform(kind, {"gateway_url": server.url, "workload_api": f"unix://{tmp_path}/absent"}, ask("call_tool", "t"))
    assert not raised.value.may_have_run
    assert server.seen == []


def test_without_the_extra_it_is_said_what_to_install(server: Loopback, workload: WorkloadServer, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *words: None if name == "spiffe" else find(name, *words))
    with pytest.raises(ConfigurationError, match=r"mcp-gateway-sdk\[spiffe\]"):
        SyncGatewayClient(server.url)


def test_who_has_no_socket_loads_no_grpc(server: Loopback) -> None:
    import subprocess

    program = f"import sys; from mcp_gateway_sdk import SyncGatewayClient; SyncGatewayClient({server.url!r}).call_tool('t'); print('grpc' in sys.modules, 'spiffe' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={"PYTHONPATH": "src", "PATH": ""}
    )
    assert done.stdout.strip() == "False False"
