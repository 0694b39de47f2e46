"""The gateway's URL: what may stand in it, and whether it is this machine."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from .errors import ConfigurationError

DEFAULT_URL = "http://localhost:9090"


@dataclass(frozen=True, slots=True)
class GatewayURL:
    """`text` is what is posted to."""

    text: str
    origin: str
    is_https: bool
    is_loopback: bool


def read_url(text: str) -> GatewayURL:
    """Raises ConfigurationError, which never repeats the URL: it may hold a password."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ConfigurationError("gateway_url is no URL.") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigurationError("gateway_url is an http:// or https:// URL with a host.")
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError("gateway_url must not hold a user name or a password.")
    if parts.fragment or any(character <= " " for character in text):
        raise ConfigurationError("gateway_url must not hold blanks or a fragment.")
    shown_host = f"[{host}]" if ":" in host else host
    origin = f"{parts.scheme}://{shown_host}{'' if port is None else f':{port}'}"
    query = f"?{parts.query}" if parts.query else ""
    return GatewayURL(f"{origin}{parts.path or '/'}{query}", origin, parts.scheme == "https", _is_loopback(host))


def _is_loopback(host: str) -> bool:
    if host == "localhost":  # a.localhost is what a name server says: many systems ask one
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return address.is_loopback or (mapped is not None and mapped.is_loopback)
