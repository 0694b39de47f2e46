"""TLS contexts for one set of PEM texts, and the check of a gateway by its SPIFFE ID."""

from __future__ import annotations

import contextlib
import os
import ssl
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from .errors import ConfigurationError


@dataclass(frozen=True)
class TlsMaterial:
    """PEM texts. An instance is one generation: connections made with an older one are given up."""

    cert: bytes | None = None
    """Leaf first."""
    key: bytes | None = None
    ca: bytes | None = None
    """Who may have signed the gateway's certificate; None = the authorities that are known to the system."""

    def __repr__(self) -> str:
        return "TlsMaterial(…)"


def make_context(material: TlsMaterial, gateway_spiffe_id: str | None) -> ssl.SSLContext:
    """Raises ConfigurationError for what is no PEM, or no pair."""
    context = _trusting(material.ca)
    if gateway_spiffe_id is not None:
        context.check_hostname = False  # an SVID names no host; its ID is checked instead
        context.sslobject_class = _checking(ssl.SSLObject, gateway_spiffe_id)
        context.sslsocket_class = _checking(ssl.SSLSocket, gateway_spiffe_id)
    if material.cert is not None and material.key is not None:
        try:
            with _as_file(material.cert + b"\n" + material.key) as path:
                context.load_cert_chain(path, password=_no_password)
        except (ssl.SSLError, ValueError):
            raise ConfigurationError(
                "The certificate and its key cannot be used: both are PEM, the key without a password and of this certificate."
            ) from None
    return context


def _trusting(ca: bytes | None) -> ssl.SSLContext:
    if ca is None:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN  # a bundle's authority need not be self-signed
    try:
        context.load_verify_locations(cadata=ca.decode("ascii"))
    except (ssl.SSLError, ValueError):
        raise ConfigurationError("The authorities (ca_file, bundle) are no PEM certificates.") from None
    return context


def _no_password() -> str:
    return ""  # OpenSSL would ask at the terminal


@contextlib.contextmanager
def _as_file(pem: bytes) -> Iterator[str]:
    """The ssl module reads keys from files alone: where the system can, one that lies in memory."""
    if hasattr(os, "memfd_create"):
        memory = os.memfd_create("svid", os.MFD_CLOEXEC)
        try:
            _write_all(memory, pem)
            yield f"/proc/self/fd/{memory}"
        finally:
            os.close(memory)
        return
    file, path = tempfile.mkstemp()  # readable by this user alone
    try:
        _write_all(file, pem)
        os.close(file)
        yield path
    finally:
        os.unlink(path)


def _write_all(file: int, content: bytes) -> None:
    while content:
        content = content[os.write(file, content) :]


def _checking(base: type, spiffe_id: str) -> type:
    """A TLS connection whose handshake ends only if the other side is this SPIFFE ID."""

    def do_handshake(self: ssl.SSLObject, *args: object, **kwargs: object) -> None:
        base.do_handshake(self, *args, **kwargs)  # type: ignore[attr-defined]
        names = cast("tuple[tuple[str, str], ...]", (self.getpeercert() or {}).get("subjectAltName", ()))
        # An SVID has exactly one URI (SPIFFE X.509-SVID, section 2).
        if [value for kind, value in names if kind == "URI"] != [spiffe_id]:
            raise ssl.SSLCertVerificationError("the gateway's certificate has another SPIFFE ID than gateway_spiffe_id")

    return type(f"Checked{base.__name__}", (base,), {"do_handshake": do_handshake})
