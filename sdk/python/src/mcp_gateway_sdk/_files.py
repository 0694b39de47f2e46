"""Evidence in files: read again when they change."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence

from .errors import ConfigurationError

_FILE_BYTES_MAX = 1024 * 1024


class WatchedFiles:
    """Some files that belong together.

    `read()` gives their contents, the same tuple for as long as none has changed; what cannot be read any more stays as it was.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = tuple(paths)
        self._lock = threading.Lock()
        self._stamp: object = None
        self._contents: tuple[bytes, ...] = ()

    def read(self) -> tuple[bytes, ...]:
        """Raises ConfigurationError, with the file's name, if it was never read."""
        with self._lock:
            try:
                stamp = tuple(_stamp(path) for path in self._paths)
                if stamp != self._stamp:
                    self._contents = tuple(_content(path) for path in self._paths)
                    self._stamp = stamp
            except ConfigurationError:
                if not self._contents:
                    raise
            return self._contents


def _stamp(path: str) -> tuple[int, int, int]:
    try:
        found = os.stat(path)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read ({error.strerror}).") from None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _content(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            content = file.read(_FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read ({error.strerror}).") from None
    if len(content) > _FILE_BYTES_MAX:
        raise ConfigurationError(f"{path} is larger than 1 MiB.")
    return content
