"""A small real server on loopback that answers each request as a test says, or cuts, or says nothing."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

GATEWAY = "spiffe://test.local/gateway"
"""Its SPIFFE ID, where it has a certificate."""

REASONS = {
    200: "OK",
    202: "Accepted",
    307: "Temporary Redirect",
    403: "Forbidden",
    404: "Not Found",
    429: "Too Many Requests",
    503: "Unavailable",
}


@dataclass
class Request:
    """What came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: Connection

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else None

    @property
    def id(self) -> Any:
        return self.json["id"]

    @property
    def rpc_method(self) -> str:
        return "" if not self.body else self.json.get("method", "")


class Connection:
    """One client's."""

    def __init__(self, connection: socket.socket, number: int) -> None:
        self._socket = connection
        self.number = number
        self.closed_by_peer = threading.Event()

    @property
    def peer_spiffe_id(self) -> str | None:
        assert isinstance(self._socket, ssl.SSLSocket)
        names = cast("tuple[tuple[str, str], ...]", (self._socket.getpeercert() or {}).get("subjectAltName", ()))
        return next((value for kind, value in names if kind == "URI"), None)

    def send(self, data: bytes) -> bool:
        """Whether anybody takes it."""
        try:
            self._socket.sendall(data)
        except OSError:
            return False
        return True

    def answer(self, status: int, body: bytes | str = b"", headers: dict[str, str] | None = None, *, length: int | None = None) -> bool:
        content = body.encode() if isinstance(body, str) else body
        lines = {"content-length": str(len(content) if length is None else length), **(headers or {})}
        head = f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return self.send(head.encode() + b"\r\n" + content)

    def json(self, status: int, value: Any, headers: dict[str, str] | None = None) -> bool:
        return self.answer(status, json.dumps(value), {"content-type": "application/json", **(headers or {})})

    def stream(self, headers: dict[str, str] | None = None) -> None:
        """The head of an event stream that ends with the connection, or with `end()`."""
        lines = {"content-type": "text/event-stream", "transfer-encoding": "chunked", **(headers or {})}
        self.send(("HTTP/1.1 200 OK\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n").encode())

    def piece(self, data: bytes) -> bool:
        return self.send(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def event(self, message: Any) -> None:
        self.piece(f"event: message\ndata: {json.dumps(message)}\n\n".encode())

    def end(self) -> None:
        self.send(b"0\r\n\r\n")

    def cut(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def wait_until_closed(self, seconds: float = 10) -> bool:
        """Whether the client hung up."""
        self._socket.settimeout(seconds)
        try:
            return self._socket.recv(1) == b""
        except TimeoutError:
            return False
        except OSError:
            return True


Script = Callable[[Request], object]


@dataclass
class Loopback:
    """Give it a script for all requests, or one for each."""

    url: str
    seen: list[Request] = field(default_factory=list)
    script: Script = lambda request: request.connection.json(200, result_for(request))
    scripts: list[Script] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)
    connections: int = 0

    @property
    def rpc_methods(self) -> list[str]:
        return [request.rpc_method or request.method for request in self.seen]


def result_for(request: Request, text: str = "fine", **members: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request.id, "result": {"content": [{"type": "text", "text": text}], **members}}


def told(request: Request) -> None:
    """Answers with the caller's SPIFFE ID, as its certificate has it."""
    request.connection.json(200, result_for(request, str(request.connection.peer_spiffe_id)))


def dripping_body(request: Request) -> None:
    """Something comes for as long as anybody listens, and never an answer."""
    request.connection.stream()
    _drip(request.connection, lambda: request.connection.piece(b": still here\n\n"))


def dripping_head(request: Request) -> None:
    request.connection.send(b"HTTP/1.1 200 OK\r\n")
    _drip(request.connection, lambda: request.connection.send(b"still: here\r\n"))


def _drip(connection: Connection, send: Callable[[], bool]) -> None:
    for _ in range(500):
        if not send():
            return
        time.sleep(0.01)
    connection.cut()  # who still listens has lost the connection, and not run out of time


@contextlib.contextmanager
def loopback(context: ssl.SSLContext | None = None) -> Iterator[Loopback]:
    """Serves until the block ends. A script that raises fails the test."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = Loopback(f"http{'' if context is None else 's'}://{'127.0.0.1' if context is None else 'localhost'}:{port}/")
    open_sockets: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def serve(connection: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError):
            if context is not None:
                connection = context.wrap_socket(connection, server_side=True)
                open_sockets.append(connection)
            with connection:
                _serve_connection(server, connection, number)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            server.connections += 1
            open_sockets.append(connection)
            thread = threading.Thread(target=serve, args=(connection, server.connections), daemon=True)
            threads.append(thread)
            thread.start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield server
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join(10)
        for each in open_sockets:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(each, socket.SHUT_RDWR)
        for thread in threads:
            thread.join(10)
        for each in open_sockets:
            each.close()
    for failure in server.failures:
        raise failure


def _serve_connection(server: Loopback, connection: socket.socket, number: int) -> None:
    held = b""
    mine = Connection(connection, number)
    while True:
        while b"\r\n\r\n" not in held:
            part = connection.recv(65536)
            if not part:
                return
            held += part
        head, _, held = held.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        while len(held) < length:
            part = connection.recv(65536)
            if not part:
                return
            held += part
        request = Request(method, path, headers, held[:length], mine)
        held = held[length:]
        server.seen.append(request)
        script = server.scripts.pop(0) if server.scripts else server.script
        try:
            script(request)
        except BaseException as failure:
            server.failures.append(failure)
            return
