"""What both shells know of httpx: how a client of it is made, and what its faults say of the request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._commands import DeadlineError, LostError
from ._options import Options
from ._tls import TlsMaterial, make_context

if TYPE_CHECKING:
    import httpx

CONNECTIONS_MAX = 512
_IDLE_CONNECTIONS_MAX = 64
_IDLE_S = 4.0  # less than a server waits: a request on a connection that is just being closed may or may not have run


def client_settings(options: Options, material: TlsMaterial) -> dict[str, Any]:
    """Keyword arguments of httpx.Client and httpx.AsyncClient. Raises ConfigurationError for material that cannot be used."""
    import httpx

    return {
        # Authorities are read for https alone: it takes longer than a call.
        "verify": make_context(material, options.gateway_spiffe_id) if options.url.is_https else False,
        "follow_redirects": False,
        # A proxy of the environment does not lie between a program and its own machine.
        "trust_env": not options.url.is_loopback,
        "timeout": None,
        "limits": httpx.Limits(max_connections=CONNECTIONS_MAX, max_keepalive_connections=_IDLE_CONNECTIONS_MAX, keepalive_expiry=_IDLE_S),
    }


class SendTrace:
    """How far a request got, as httpx tells it."""

    __slots__ = ("_known", "_sent")

    def __init__(self) -> None:
        self._known = False
        self._sent = False

    def note(self, event: str) -> None:
        self._known = True
        if event.endswith("send_request_body.complete"):
            self._sent = True

    @property
    def sent_whole(self) -> bool:
        """A transport of the caller's own may tell nothing: then it may have been sent."""
        return self._sent or not self._known


def fault_of(error: Exception, trace: SendTrace) -> Exception:
    """What the core is told of an exception of httpx; others are passed on as they are."""
    import httpx

    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        return DeadlineError(sent_whole=False)
    if isinstance(error, httpx.TimeoutException):
        return DeadlineError(sent_whole=trace.sent_whole)
    if isinstance(error, httpx.ConnectError | httpx.ProxyError | httpx.UnsupportedProtocol):
        return LostError(f"No connection to the gateway{_origin(error)} ({_reason(error)})", sent_whole=False)
    if isinstance(error, httpx.LocalProtocolError):
        return LostError("The request cannot be sent", sent_whole=False)
    if isinstance(error, httpx.NetworkError):  # such as TLS's own word that the gateway refuses the certificate
        return LostError(f"The connection to the gateway was lost ({_reason(error)})", sent_whole=trace.sent_whole)
    if isinstance(error, httpx.TransportError | httpx.StreamError | httpx.DecodingError):
        return LostError("The connection to the gateway was lost", sent_whole=trace.sent_whole)
    return error


def _origin(error: Exception) -> str:
    """Where it was looked for: most often the URL is what is wrong. An exception that no request belongs to has none."""
    import httpx

    try:
        url = error.request.url if isinstance(error, httpx.RequestError) else None
    except RuntimeError:
        return ""
    return "" if url is None else f" at {url.scheme}://{url.netloc.decode('ascii')}"


def _reason(error: Exception) -> str:
    """httpx's own words hold addresses and system texts, no credentials; without any the class says it."""
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__


def request_of(
    client: httpx.Client | httpx.AsyncClient,
    method: str,
    url: str,
    headers: Any,
    body: bytes | None,
    seconds: float | None,
    extensions: dict[str, Any],
) -> httpx.Request:
    import httpx

    return client.build_request(method, url, headers=headers, content=body, timeout=httpx.Timeout(seconds), extensions=extensions)
