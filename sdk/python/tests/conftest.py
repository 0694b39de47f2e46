"""What tests are given: a server on loopback, either client, and an environment that names no gateway and no identity."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .support.clients import Kind
from .support.loopback import GATEWAY, Loopback, loopback, told

if TYPE_CHECKING:
    from .support.pki import Authority


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("PRECINCT_", "SPIFFE_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture(params=["async", "sync"])
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as serving:
        yield serving


@pytest.fixture
def authority() -> Authority:
    from .support.pki import Authority

    return Authority()


@pytest.fixture
def gateway(authority: Authority, tmp_path: Path) -> Iterator[Loopback]:
    """Its certificate is of this host and of a SPIFFE ID; it tells who calls."""
    with loopback(authority.server_context(authority.issue(GATEWAY, ("localhost",)), tmp_path)) as serving:
        serving.script = told
        yield serving
