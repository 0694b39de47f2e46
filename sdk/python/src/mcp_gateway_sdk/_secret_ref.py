"""References to secrets in arguments: the gateway puts the secret in, and the agent never has it."""

from __future__ import annotations

import re

from .errors import ConfigurationError

# The gateway's grammar: $SPIKE{ref:<ref>[,exp:<seconds>][,scope:<scope>]}.
_REF = re.compile(r"[A-Za-z0-9._-]{1,128}")
_SCOPE = re.compile(r"[^\s,{}\"\\]{1,256}")
_EXP_MAX = 9_999_999_999


class SecretRef:
    """Stands for a secret in arguments. Text may be put before and after it: `"Bearer " + secret_ref("api-key")`.

    Neither str() nor repr() nor an f-string shows the reference; only the arguments on the wire have it.
    """

    __slots__ = ("_wire",)

    def __init__(self, wire: str) -> None:
        self._wire = wire

    def __add__(self, text: str | SecretRef) -> SecretRef:
        return SecretRef(self._wire + _wire_of(text)) if isinstance(text, str | SecretRef) else NotImplemented

    def __radd__(self, text: str) -> SecretRef:
        return SecretRef(text + self._wire) if isinstance(text, str) else NotImplemented

    def __repr__(self) -> str:
        return "SecretRef(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretRef) and other._wire == self._wire

    def __hash__(self) -> int:
        return hash(self._wire)


def secret_ref(ref: str, expires_in: int | None = None, scope: str | None = None) -> SecretRef:
    """A reference for arguments.

    ref: what stands behind `ref:` in the `$SPIKE{ref:…}` that `agw secret issue` prints (with `--json` its member `ref`).
    expires_in: seconds after issue at which this use ends. scope: narrows the tool's scope.
    Raises ConfigurationError for what the gateway would refuse as `invalid_spike_token`.
    """
    if not isinstance(ref, str) or _REF.fullmatch(ref) is None:
        raise ConfigurationError(
            "A secret's ref has 1 to 128 letters, digits, dots, underscores and hyphens: of $SPIKE{ref:…} what stands behind ref:."
        )
    if expires_in is not None and (type(expires_in) is not int or not 1 <= expires_in <= _EXP_MAX):
        raise ConfigurationError("expires_in is a whole number of seconds from 1.")
    if scope is not None and (not isinstance(scope, str) or _SCOPE.fullmatch(scope) is None):
        raise ConfigurationError("A scope has 1 to 256 characters: no blanks, commas, braces, quotes or backslashes.")
    ends = "" if expires_in is None else f",exp:{expires_in}"
    within = "" if scope is None else f",scope:{scope}"
    return SecretRef(f"$SPIKE{{ref:{ref}{ends}{within}}}")


def wire_text(reference: SecretRef) -> str:
    """What goes on the wire."""
    return reference._wire


def _wire_of(text: str | SecretRef) -> str:
    return text if isinstance(text, str) else text._wire
