"""A small real Workload API over a Unix socket, with what a test hands out."""

from __future__ import annotations

import base64
import contextlib
import json
import queue
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from spiffe._proto import workload_pb2, workload_pb2_grpc

from .pki import Authority, Pair

TOKEN_LIFETIME_S = 300

_generated: Any = workload_pb2_grpc  # without types


class WorkloadServer(_generated.SpiffeWorkloadAPIServicer):  # type: ignore[misc]
    """`x509` is pushed to whoever watches."""

    def __init__(self, wall: Any) -> None:
        self.socket = ""
        self.x509: Any = None
        self.x509_asked = 0
        self.tokens: list[tuple[str, ...]] = []
        self.gives_tokens = True
        self.wall = wall
        self._watching: list[queue.Queue[Any]] = []
        self._lock = threading.Lock()

    def push(self, authority: Authority, spiffe_id: str, pair: Pair, federated: Authority | None = None) -> None:
        bundle = authority.own.cert_der
        svid = workload_pb2.X509SVID(spiffe_id=spiffe_id, x509_svid=pair.cert_der, x509_svid_key=pair.key_der, bundle=bundle)
        others = {} if federated is None else {f"spiffe://{federated.trust_domain}": federated.own.cert_der}
        with self._lock:
            self.x509 = workload_pb2.X509SVIDResponse(svids=[svid], federated_bundles=others)
            for each in self._watching:
                each.put(self.x509)

    def end_streams(self) -> None:
        with self._lock:
            for each in self._watching:
                each.put(None)
            self._watching.clear()

    def FetchX509SVID(self, request: Any, context: Any) -> Iterator[Any]:
        self._check(context)
        self.x509_asked += 1
        mine: queue.Queue[Any] = queue.Queue()
        with self._lock:
            if self.x509 is None:
                context.abort(grpc.StatusCode.PERMISSION_DENIED, "no identity issued")
            mine.put(self.x509)
            self._watching.append(mine)
        context.add_callback(lambda: mine.put(None))
        while (response := mine.get()) is not None:
            yield response

    def FetchJWTSVID(self, request: Any, context: Any) -> Any:
        self._check(context)
        if not self.gives_tokens:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "no identity issued")
        self.tokens.append(tuple(request.audience))
        claims = {
            "sub": "spiffe://test.local/agent",
            "aud": list(request.audience),
            "exp": int(self.wall() + TOKEN_LIFETIME_S),
            "jti": len(self.tokens),
        }
        svid = workload_pb2.JWTSVID(spiffe_id="spiffe://test.local/agent", svid=token_of(claims))
        return workload_pb2.JWTSVIDResponse(svids=[svid])

    def _check(self, context: Any) -> None:
        if ("workload.spiffe.io", "true") not in context.invocation_metadata():
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "security header missing")


def token_of(claims: dict[str, Any]) -> str:
    """In the form of a JWT; whoever gets it here does not check its signature."""
    head = {"alg": "ES256", "kid": "k", "typ": "JWT"}
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (head, claims)) + ".c2ln"


@contextlib.contextmanager
def workload_server(folder: Path, wall: Any) -> Iterator[WorkloadServer]:
    serving = WorkloadServer(wall)
    server = grpc.server(ThreadPoolExecutor(max_workers=16))
    _generated.add_SpiffeWorkloadAPIServicer_to_server(serving, server)
    path = folder / "workload.sock"
    server.add_insecure_port(f"unix:{path}")
    serving.socket = str(path)
    server.start()
    try:
        yield serving
    finally:
        serving.end_streams()
        server.stop(None).wait()
