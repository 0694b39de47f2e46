"""What the core asks of a shell.

The core is generators that yield these and are sent the answers: it does no I/O.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, repr=False)
class Open:
    """Send a request; answered with Opened once the response's headers are there. LostError or DeadlineError otherwise."""

    method: str
    headers: Mapping[str, str]
    body: bytes | None
    deadline: float
    """Of the monotonic clock; inf = none."""


@dataclass(slots=True)
class Opened:
    """A response whose body is still to be read."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    connection: Any
    """The shell's own."""


@dataclass(frozen=True, slots=True)
class Read:
    """The next bytes of a response; b"" = it has ended. LostError or DeadlineError otherwise."""

    response: Opened
    deadline: float


@dataclass(frozen=True, slots=True)
class Close:
    """Be done with a response. If it has not ended, its connection is closed."""

    response: Opened


@dataclass(frozen=True, slots=True)
class Sleep:
    """For so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Invoke:
    """Call a function of the caller's own; in the async shell it may be async."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    deadline: float = math.inf
    """For an async one: DeadlineError when it takes longer. Any other can't be interrupted, and the time is over once it returns."""


@dataclass(frozen=True, slots=True)
class Blocking:
    """Call a function that waits for something else than HTTP."""

    function: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Emit:
    """Hand an event to whoever iterates."""

    event: Any


@dataclass(frozen=True, slots=True)
class Acquire:
    """Take the client's one lock. DeadlineError if it does not come free in time."""

    deadline: float


@dataclass(frozen=True, slots=True)
class Release:
    """Give it back."""


Command = Open | Read | Close | Sleep | Invoke | Blocking | Emit | Acquire | Release
Flow = Generator[Command, Any, T]


class LostError(Exception):
    """The connection was not made, or is gone."""

    def __init__(self, reason: str, *, sent_whole: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sent_whole = sent_whole


class DeadlineError(Exception):
    """The time of Open or Read is over."""

    def __init__(self, *, sent_whole: bool) -> None:
        super().__init__("the time is over")
        self.sent_whole = sent_whole
