"""What tests are given: a server on loopback, either client, and an environment that names no gateway and no identity."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from .support.clients import Kind
from .support.loopback import Loopback, loopback


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
