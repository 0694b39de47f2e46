"""The examples, each as a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .support.loopback import Loopback, Request, result_for
from .support.refusals import refuse
from .test_sessions import SessionServer
from .test_wire import streaming

ROOT = Path(__file__).parent.parent


def run(server: Loopback, name: str, *words: str) -> tuple[int, str]:
    env = {"PYTHONPATH": str(ROOT / "src"), "PRECINCT_GATEWAY_URL": server.url, "PYTHONUTF8": "1"}
    done = subprocess.run([sys.executable, str(ROOT / "examples" / name), *words], capture_output=True, text=True, env=env)
    assert done.stderr == ""
    return done.returncode, done.stdout


def listed(request: Request) -> None:
    request.connection.json(200, {"jsonrpc": "2.0", "id": request.id, "result": {"tools": [{"name": "echo"}]}})


def test_hello(server: Loopback) -> None:
    server.scripts = [listed]
    assert run(server, "hello.py") == (0, "tools: echo\nfine\n")
    server.scripts = [listed, refuse("authz_policy_denied")]
    code, said = run(server, "hello.py")
    assert (code, "authz_policy_denied" in said) == (1, True)


def test_streaming(server: Loopback) -> None:
    server.script = streaming
    assert run(server, "streaming.py", "t") == (0, "1 of 2 one\n[info] {'k': 1}\n2.5\nfine\n")


def test_approval(server: Loopback) -> None:
    details = {"request_id": "apr-1", "command": "agw approvals approve apr-1", "expires_at": "2099-01-01T00:00:00.000Z"}
    server.scripts = [refuse("stepup_approval_required", "in_band", headers={"retry-after": "0"}, details=details)]
    code, said = run(server, "approval.py", "t")
    assert (code, said.splitlines()[-1], "agw approvals approve apr-1" in said) == (0, "fine", True)
    server.scripts = [refuse("stepup_denied", "in_band")]
    assert run(server, "approval.py", "t")[0] == 1


def test_session(server: Loopback) -> None:
    SessionServer(server, lambda request: request.connection.json(200, result_for(request)))
    assert run(server, "session.py", "t") == (0, "session s1\nfine\n")


def test_mtls_says_that_nobody_is_there() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "mtls.py"), "https://127.0.0.1:1"],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT / "src")},
    )
    assert done.returncode == 1
    assert "TransportError: No connection to the gateway at https://127.0.0.1:1 (" in done.stderr
