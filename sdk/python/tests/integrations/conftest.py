"""A real gateway for the tests of the integrations: the repository's built one, with the reference server "everything" behind it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

HERE = Path(__file__).parent
BUILT = HERE.parents[3] / "dist" / "main.js"

ANSWERED = {"message": "hello from the test"}
# In two parts: no file holds what looks like a key.
REFUSED = {"message": "the key is AKIA" + "Q3EGRIPVZ5XKWJNM"}


@pytest.fixture(scope="session")
def gateway_url() -> Iterator[str]:
    node = shutil.which("node")
    if node is None or not BUILT.exists():
        pytest.skip("needs the built gateway of the repository")
    program = subprocess.Popen([node, str(HERE / "gateway.mjs")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert program.stdin is not None
    assert program.stdout is not None
    try:
        url = program.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        yield url
    finally:
        program.stdin.close()
        program.wait(30)
        program.stdout.close()


class Cut(httpx.AsyncHTTPTransport):
    """A way to the gateway that can be cut, and knows the methods that went over it."""

    def __init__(self) -> None:
        super().__init__()
        self.is_cut = False
        self.methods: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.is_cut:
            raise httpx.ConnectError("cut")
        self.methods.append(request.headers["mcp-method"])
        return await super().handle_async_request(request)
