"""The two roots of what is raised: PrecinctError for everything, GatewayError for the gateway's refusals."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

# A tool server may quote the arguments it was given, and with them a reference.
_REFERENCE = re.compile(r"\$SPIKE\{[^}]*\}?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_TEXT_CHARS_MAX = 2000
APPROVAL_CODE = "stepup_approval_required"
"""The one refusal whose remedy is the command that lifts it: a model that reads the text and has a shell must not be handed that."""


def remedy_of(refusal: GatewayError) -> str | None:
    """The remedy where a model may read it, too."""
    return None if refusal.code == APPROVAL_CODE else refusal.remediation


def shown(text: str) -> str:
    """Text of a server as it may stand in an exception: one line, bounded, without secret references."""
    return _CONTROL.sub(" ", _REFERENCE.sub("$SPIKE{…}", text))[:_TEXT_CHARS_MAX]


class PrecinctError(Exception):
    """Whatever this package raises."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions cross process boundaries; the default would call __init__ with the text alone.
        return restored, (type(self), self.args, self.__dict__)


E = TypeVar("E", bound=PrecinctError)


def restored(kind: type[E], args: tuple[object, ...], state: Mapping[str, object]) -> E:
    """An exception from what another one held."""
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class GatewayError(PrecinctError):
    """A refusal of the gateway, with what its envelope says.

    A code that this version does not know is an error of its step's family, or this class itself.
    """

    code: str
    """One of the gateway's codes, such as `authz_policy_denied`."""
    message: str
    """The gateway's public text."""
    step: int | None
    """0 = admission, 1-13 = the layer, 14 = the way to the tool server and back, 15 = the gateway itself."""
    middleware: str | None
    """The layer's name."""
    reason_code: str | None
    """Which of the code's cases it is."""
    decision_id: str | None
    """Finds the record: agw audit explain DECISION_ID."""
    trace_id: str | None
    """The W3C trace id that was sent with the request."""
    details: Mapping[str, Any]
    """Facts of this refusal: the code's own."""
    remediation: str | None
    """What to do about it."""
    docs_url: str | None
    """The code's page."""
    retry_after: float | None
    """Seconds after which to come again, if the gateway said so."""
    http_status: int | None
    """Of the response. Most refusals come to MCP clients with 200."""
    rpc_code: int | None
    """The number in the JSON-RPC error: the refusal's HTTP status, or that of the protocol's own error."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        step: int | None = None,
        middleware: str | None = None,
        reason_code: str | None = None,
        decision_id: str | None = None,
        trace_id: str | None = None,
        details: Mapping[str, Any] | None = None,
        remediation: str | None = None,
        docs_url: str | None = None,
        retry_after: float | None = None,
        http_status: int | None = None,
        rpc_code: int | None = None,
    ) -> None:
        self.code = code
        self.message = message
        self.step = step
        self.middleware = middleware
        self.reason_code = reason_code
        self.decision_id = decision_id
        self.trace_id = trace_id
        self.details = {} if details is None else details
        self.remediation = remediation
        self.docs_url = docs_url
        self.retry_after = retry_after
        self.http_status = http_status
        self.rpc_code = rpc_code
        super().__init__(self._text())

    @property
    def request_id(self) -> str | None:
        """The approval request that a step-up refusal has opened."""
        found = self.details.get("request_id")
        return found if isinstance(found, str) else None

    def _text(self) -> str:
        where = "" if self.step is None else f" (step {self.step}{'' if self.middleware is None else f', {self.middleware}'})"
        why = "" if self.reason_code is None else f" [{self.reason_code}]"
        said = remedy_of(self)
        remedy = "" if said is None else f" -> {said}"
        found = "" if self.decision_id is None else f" (decision {self.decision_id})"
        return shown(f"{self.code}{where}: {self.message}{why}{remedy}{found}")
