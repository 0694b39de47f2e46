"""The SPIFFE Workload API: X.509-SVIDs as they rotate, JWT-SVIDs before they expire. Needs the extra [spiffe]."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from ._tls import TlsMaterial
from .errors import ConfigurationError, TransportError

if TYPE_CHECKING:
    from spiffe import JwtSvid, WorkloadApiClient, X509Source, X509Svid
    from spiffe.workloadapi.x509_context import X509Context

_ASK_TIMEOUT_S = 5.0  # the agent is on this machine
_RENEW_AT = 0.8  # of a token's lifetime, as seen when it came
_SCHEME = "unix:"


def open_workload_api(socket: str, audience: str, gateway_spiffe_id: str | None, wall: Callable[[], float]) -> WorkloadAPI:
    """Asks nothing yet. Raises ConfigurationError."""
    if importlib.util.find_spec("spiffe") is None:
        raise ConfigurationError("SPIFFE_ENDPOINT_SOCKET (or workload_api) needs the SPIFFE client: pip install 'mcp-gateway-sdk[spiffe]'")
    target = socket if ":" in socket else f"{_SCHEME}{socket}"
    return WorkloadAPI(target, audience, gateway_spiffe_id, wall)


class WorkloadAPI:
    """Safe for many threads. What waits (open_x509, fetch_token) waits 5 s at most."""

    def __init__(self, target: str, audience: str, gateway_spiffe_id: str | None, wall: Callable[[], float]) -> None:
        self._target = target
        self._audience = audience
        self._gateway_spiffe_id = gateway_spiffe_id
        self._wall = wall
        self._lock = threading.Lock()
        self._client: WorkloadApiClient | None = None
        self._source: X509Source | None = None
        self._material: TlsMaterial | None = None
        self._merged: TlsMaterial | None = None
        self._seen: X509Svid | None = None
        self._svid: JwtSvid | None = None
        self._renew_at = 0.0

    def open_x509(self) -> bool:
        """Whether the Workload API gives this workload an X.509-SVID; then it is kept fresh from now on."""
        from spiffe import X509Source
        from spiffe.errors import PySpiffeError

        with self._lock:
            if self._source is not None and not self._source.is_closed():
                return True
            try:
                client = self._asked()
                # Asked once by itself: the source would take a refusal for an outage, and repeat.
                client.fetch_x509_context(timeout=_ASK_TIMEOUT_S)
                self._source = X509Source(client, timeout_in_seconds=_ASK_TIMEOUT_S)
            except PySpiffeError:
                return False
            return True

    @property
    def x509_lost(self) -> bool:
        """Whether the stream of SVIDs has ended for good, and must be opened again."""
        return self._source is not None and self._source.is_closed()

    @property
    def x509_spiffe_id(self) -> str | None:
        context = self._newest()
        svid = self._seen if context is None else context.default_svid
        return None if svid is None else str(svid.spiffe_id)

    @property
    def material(self) -> TlsMaterial:
        """The newest; the last one known where the Workload API has gone away: the gateway knows when it expires."""
        context = self._newest()
        with self._lock:
            if context is not None and context.default_svid is not self._seen:
                material = _material(context, self._gateway_spiffe_id)
                if material != self._material:
                    self._material = material
                self._seen = context.default_svid
            if self._material is None:
                raise TransportError("The Workload API gives this workload no X.509-SVID any more.", may_have_run=False)
            return self._material

    def material_with(self, ca: bytes) -> TlsMaterial:
        """The newest, with authorities of the caller's own."""
        own = self.material
        with self._lock:
            if self._merged is None or self._merged.cert is not own.cert or self._merged.ca is not ca:
                self._merged = TlsMaterial(own.cert, own.key, ca)
            return self._merged

    @property
    def needs_token(self) -> bool:
        return self._svid is None or self._wall() >= self._renew_at

    def fetch_token(self) -> None:
        """A failure counts only once the token at hand is of no use."""
        from spiffe.errors import PySpiffeError

        with self._lock:
            if not self.needs_token:
                return
            try:
                svid = self._asked().fetch_jwt_svid(audience={self._audience}, timeout=_ASK_TIMEOUT_S)
            except PySpiffeError as error:
                if self._svid is not None and self._wall() < self._svid.expiry:
                    return
                raise TransportError(f"The SPIFFE Workload API {_why_none(error)}.", may_have_run=False) from None
            now = self._wall()
            self._svid = svid
            self._renew_at = now + _RENEW_AT * (svid.expiry - now)

    @property
    def token(self) -> str:
        return "" if self._svid is None else self._svid.token

    @property
    def jwt_spiffe_id(self) -> str | None:
        return None if self._svid is None else str(self._svid.spiffe_id)

    def close(self) -> None:
        with self._lock:
            if self._source is not None:
                self._source.close()
            if self._client is not None:
                self._client.close()
            self._source = self._client = None

    def _asked(self) -> WorkloadApiClient:
        from spiffe import WorkloadApiClient

        if self._client is None:
            self._client = WorkloadApiClient(self._target)
        return self._client

    def _newest(self) -> X509Context | None:
        from spiffe.errors import PySpiffeError

        source = self._source
        try:
            return None if source is None else source.get_x509_context()
        except PySpiffeError:
            return None


def _why_none(error: Exception) -> str:
    """Whether the agent has refused, or nobody has answered: the remedies differ."""
    from spiffe.errors import ArgumentError

    status = getattr(error.__cause__, "code", None)
    name = getattr(status(), "name", "") if callable(status) else ""
    if isinstance(error, ArgumentError) or name not in ("", "PERMISSION_DENIED"):
        return f"did not answer: does the agent run, and is this its socket? ({name or 'no socket'})"
    return "gives this workload no SVID: register it"


def _material(context: X509Context, gateway_spiffe_id: str | None) -> TlsMaterial:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    svid = context.default_svid
    cert = b"".join(each.public_bytes(Encoding.PEM) for each in svid.cert_chain)
    key = svid.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return TlsMaterial(cert, key, _authorities(context, gateway_spiffe_id))


def _authorities(context: X509Context, gateway_spiffe_id: str | None) -> bytes:
    """Of the gateway's trust domain alone: another domain's authority must not vouch for it."""
    from cryptography.hazmat.primitives.serialization import Encoding
    from spiffe import SpiffeId

    gateway = context.default_svid.spiffe_id if gateway_spiffe_id is None else SpiffeId(gateway_spiffe_id)
    bundle = context.x509_bundle_set.get_bundle_for_trust_domain(gateway.trust_domain)
    if bundle is None:
        raise ConfigurationError("The Workload API gives no bundle for the gateway's trust domain.")
    return b"".join(sorted(each.public_bytes(Encoding.PEM) for each in bundle.x509_authorities))
