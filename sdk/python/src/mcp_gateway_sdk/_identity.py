"""Where the client's identity comes from, in the documented order, and what of it goes with each request."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os import path as paths
from typing import TYPE_CHECKING, Any, Protocol

from ._commands import Blocking, Flow, Invoke
from ._files import WatchedFiles
from ._gateway_url import GatewayURL
from ._result import Identity, IdentitySource
from ._tls import TlsMaterial, make_context
from .errors import ConfigurationError

if TYPE_CHECKING:
    from ._workload_api import WorkloadAPI

JwtSource = str | Callable[[], Any]

_SPIFFE_ID = re.compile(r"spiffe://[a-z0-9._-]{1,255}(?:/[A-Za-z0-9._-]+)*")
_SPIFFE_ID_CHARS_MAX = 2048
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{1,65536}=*")
_NO_TLS = TlsMaterial()


@dataclass(frozen=True, slots=True, repr=False)
class Given:
    """What the constructor was given."""

    spiffe_id: str | None = None
    jwt_svid: JwtSource | None = None
    cert_file: str | None = None
    key_file: str | None = None
    ca_file: str | None = None
    workload_api: str | None = None
    gateway_spiffe_id: str | None = None
    audience: str | None = None


class Evidence(Protocol):
    """One way to say who calls: that source of an identity which was taken."""

    @property
    def identity(self) -> Identity: ...

    def headers(self, deadline: float = math.inf) -> Flow[dict[str, str]]:
        """Of the next request. What has to be fetched first is fetched here. DeadlineError for a function that takes longer."""

    def tls(self) -> TlsMaterial:
        """The newest; the same object for as long as it is the newest."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Target:
    """Where the identity goes to."""

    url: GatewayURL
    makes_tls: bool
    """A certificate can be presented: https, and no HTTP client of the caller's own."""

    def refuse_in_the_clear(self, what: str) -> None:
        if not self.url.is_https and not self.url.is_loopback:
            raise ConfigurationError(f"{what} over plain HTTP is refused unless the gateway is on this machine: use https.")


def find_evidence(given: Given, env: Mapping[str, str], target: Target, wall: Callable[[], float]) -> Evidence:
    """The first of: argument, environment, Workload API, files. Raises ConfigurationError."""
    if given.gateway_spiffe_id is not None:
        _check_spiffe_id(given.gateway_spiffe_id)
    of_tls = (given.cert_file, given.ca_file, given.gateway_spiffe_id)
    if not target.makes_tls and any(option is not None for option in of_tls):
        raise ConfigurationError(
            "cert_file, ca_file and gateway_spiffe_id need an https:// gateway_url and no http_client, which brings its own TLS."
        )
    ca_file = given.ca_file or _named(env, "PRECINCT_CA_FILE") if target.makes_tls else None
    ca = None if ca_file is None else WatchedFiles([ca_file])
    return (
        _from_arguments(given, target, ca)
        or _from_environment(env, target, ca)
        or _from_workload_api(given, env, target, ca, wall)
        or _from_files(env, target, ca)
        or HeaderEvidence(Identity("none"), {}, ca)
    )


def _from_arguments(given: Given, target: Target, ca: WatchedFiles | None) -> Evidence | None:
    if (given.cert_file is None) != (given.key_file is None):
        raise ConfigurationError("cert_file and key_file belong together.")
    if given.spiffe_id is not None:
        _check_spiffe_id(given.spiffe_id)
    if given.cert_file is not None and given.key_file is not None:
        return FileSvid(Identity("argument", given.spiffe_id), [given.cert_file, given.key_file], ca, given.gateway_spiffe_id)
    return _declared("argument", given.jwt_svid, given.spiffe_id, target, ca)


def _from_environment(env: Mapping[str, str], target: Target, ca: WatchedFiles | None) -> Evidence | None:
    cert, key = _named(env, "PRECINCT_CERT_FILE"), _named(env, "PRECINCT_KEY_FILE")
    if (cert is None) != (key is None):
        raise ConfigurationError("PRECINCT_CERT_FILE and PRECINCT_KEY_FILE belong together.")
    spiffe_id = _named(env, "PRECINCT_SPIFFE_ID")
    if spiffe_id is not None:
        _check_spiffe_id(spiffe_id)
    if cert is not None and key is not None and target.makes_tls:
        return FileSvid(Identity("environment", spiffe_id), [cert, key], ca, None)
    return _declared("environment", _named(env, "PRECINCT_JWT_SVID"), spiffe_id, target, ca)


def _declared(
    source: IdentitySource, jwt: JwtSource | None, spiffe_id: str | None, target: Target, ca: WatchedFiles | None
) -> Evidence | None:
    """A token is the stronger evidence; a header beside it would only be a second claim."""
    if jwt is not None:
        target.refuse_in_the_clear("A token")
        return TokenEvidence(Identity(source, spiffe_id), jwt, ca)
    if spiffe_id is None:
        return None
    target.refuse_in_the_clear("An identity in a header")
    return HeaderEvidence(Identity(source, spiffe_id), {"X-SPIFFE-ID": spiffe_id}, ca)


def _from_workload_api(
    given: Given, env: Mapping[str, str], target: Target, ca: WatchedFiles | None, wall: Callable[[], float]
) -> Evidence | None:
    socket = given.workload_api or _named(env, "SPIFFE_ENDPOINT_SOCKET")
    if socket is None:
        return None
    target.refuse_in_the_clear("A token")
    from ._workload_api import open_workload_api  # only here: who has no socket needs no gRPC

    api = open_workload_api(socket, given.audience or target.url.origin, given.gateway_spiffe_id, wall)
    return WorkloadEvidence(api, target.makes_tls, ca)


def _from_files(env: Mapping[str, str], target: Target, ca: WatchedFiles | None) -> Evidence | None:
    token = _named(env, "PRECINCT_JWT_FILE")
    if token is not None:
        target.refuse_in_the_clear("A token")
        file = WatchedFiles([token])
        return TokenEvidence(Identity("files"), lambda: file.read()[0].decode("ascii", "replace").strip(), ca)
    folder = _named(env, "PRECINCT_SVID_DIR")
    if folder is None or not target.makes_tls:
        return None
    files = [paths.join(folder, name) for name in ("svid.pem", "svid_key.pem")]
    return FileSvid(Identity("files"), files, ca or WatchedFiles([paths.join(folder, "bundle.pem")]), None)


def _check_spiffe_id(text: str) -> None:
    if not isinstance(text, str) or len(text) > _SPIFFE_ID_CHARS_MAX or _SPIFFE_ID.fullmatch(text) is None:
        raise ConfigurationError("A SPIFFE ID has the form spiffe://<trust-domain>/<path>.")


def _named(env: Mapping[str, str], name: str) -> str | None:
    return env.get(name) or None  # set to nothing is not set


class Trust:
    """The authorities of a client that presents no certificate."""

    def __init__(self, ca: WatchedFiles | None) -> None:
        self._ca = ca
        self._material = _NO_TLS

    def tls(self) -> TlsMaterial:
        if self._ca is not None:
            (ca,) = self._ca.read()
            if ca is not self._material.ca:
                self._material = TlsMaterial(ca=ca)
        return self._material


class HeaderEvidence(Trust):
    """The development header, or nothing at all."""

    def __init__(self, identity: Identity, headers: dict[str, str], ca: WatchedFiles | None) -> None:
        super().__init__(ca)
        self.identity = identity
        self._headers = headers

    def headers(self, deadline: float = math.inf) -> Flow[dict[str, str]]:
        return self._headers
        yield  # a flow that never waits

    def close(self) -> None:
        pass


class TokenEvidence(Trust):
    """A JWT-SVID, given as text or by a function that is asked for each request."""

    def __init__(self, identity: Identity, token: JwtSource, ca: WatchedFiles | None) -> None:
        super().__init__(ca)
        self.identity = identity
        self._token = token
        if isinstance(token, str):
            _bearer(token)

    def headers(self, deadline: float = math.inf) -> Flow[dict[str, str]]:
        if isinstance(self._token, str):
            return _bearer(self._token)
        return _bearer((yield Invoke(self._token, (), deadline)))

    def close(self) -> None:
        pass


def _bearer(token: object) -> dict[str, str]:
    if not isinstance(token, str) or _TOKEN.fullmatch(token) is None:
        raise ConfigurationError("The JWT-SVID is no bearer token.")
    return {"Authorization": f"Bearer {token}"}


class FileSvid:
    """An X.509-SVID in PEM files."""

    def __init__(self, identity: Identity, pair: list[str], ca: WatchedFiles | None, gateway_spiffe_id: str | None) -> None:
        self.identity = identity
        self._pair = WatchedFiles(pair)
        self._ca = ca
        self._gateway_spiffe_id = gateway_spiffe_id
        self._tried: tuple[object, object] | None = None
        self._material = _NO_TLS
        self.tls()  # what is wrong with the files is said now, not at the first call

    def headers(self, deadline: float = math.inf) -> Flow[dict[str, str]]:
        return {}
        yield  # a flow that never waits

    def tls(self) -> TlsMaterial:
        pair = self._pair.read()
        ca = None if self._ca is None else self._ca.read()[0]
        if self._tried is not None and self._tried[0] is pair and self._tried[1] is ca:
            return self._material
        material = TlsMaterial(pair[0], pair[1], ca)
        try:
            make_context(material, self._gateway_spiffe_id)
            self._material = material
        except ConfigurationError:
            if self._tried is None:
                raise
            # Half of a change: a certificate without its key yet.
        self._tried = (pair, ca)
        return self._material

    def close(self) -> None:
        pass


class WorkloadEvidence(Trust):
    """An X.509-SVID of the Workload API for https, a JWT-SVID where there is none or none can be presented."""

    def __init__(self, api: WorkloadAPI, makes_tls: bool, ca: WatchedFiles | None) -> None:
        super().__init__(ca)
        self._api = api
        self._has_x509: bool | None = None if makes_tls else False

    @property
    def identity(self) -> Identity:
        """As it is now: an SVID may have been rotated since the last call."""
        if self._has_x509 is False:
            return Identity("workload_api_jwt", self._api.jwt_spiffe_id)
        return Identity("workload_api_x509", self._api.x509_spiffe_id)

    def headers(self, deadline: float = math.inf) -> Flow[dict[str, str]]:
        if self._has_x509 is None or (self._has_x509 and self._api.x509_lost):
            self._has_x509 = (yield Blocking(self._api.open_x509)) or self._has_x509
        if self._has_x509:
            return {}
        if self._api.needs_token:
            yield Blocking(self._api.fetch_token)
        self._has_x509 = False  # only now: who gave neither is asked for both again
        return _bearer(self._api.token)

    def tls(self) -> TlsMaterial:
        if not self._has_x509:
            return super().tls()
        if self._ca is None:
            return self._api.material
        return self._api.material_with(self._ca.read()[0])

    def close(self) -> None:
        self._api.close()
