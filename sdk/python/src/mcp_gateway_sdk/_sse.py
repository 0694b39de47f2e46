"""Splits a text/event-stream into the data of its events, whatever the pieces it comes in (WHATWG HTML, 9.2.6)."""

from __future__ import annotations

from collections.abc import Iterator


class TooLargeError(Exception):
    """An event, or an answer, is larger than the bound."""


class SseSplitter:
    """Give it the bytes as they come. An event without data, a comment and every other field are passed over."""

    def __init__(self, event_bytes_max: int) -> None:
        self._event_bytes_max = event_bytes_max
        self._line = bytearray()
        self._data: list[bytes] = []
        self._held = 0
        self._after_cr = False
        self._begun = False

    def push(self, piece: bytes) -> Iterator[bytes]:
        """The data of each event that this piece completes. Raises TooLargeError."""
        at = 0
        while at < len(piece):
            if self._after_cr and piece[at] == 0x0A:
                at += 1  # the second half of a line's end that is already taken
                self._after_cr = False
                continue
            self._after_cr = False
            end = _line_end(piece, at)
            if end == -1:
                self._hold(piece[at:])
                return
            self._hold(piece[at:end])
            self._after_cr = piece[end] == 0x0D
            at = end + 1
            data = self._take_line()
            if data is not None:
                yield data

    def _hold(self, part: bytes) -> None:
        if self._held + len(self._line) + len(part) > self._event_bytes_max:
            raise TooLargeError
        self._line += part

    def _take_line(self) -> bytes | None:
        line = bytes(self._line)
        self._line.clear()
        if not self._begun:
            self._begun = True
            line = line.removeprefix(b"\xef\xbb\xbf")
        if line == b"":
            data = b"\n".join(self._data) if self._data else None
            self._data, self._held = [], 0
            return data
        name, _, value = line.partition(b":")
        if name == b"data":
            value = value.removeprefix(b" ")
            self._data.append(value)
            self._held += len(value) + 1
        return None


def _line_end(piece: bytes, at: int) -> int:
    lf, cr = piece.find(b"\n", at), piece.find(b"\r", at)
    return max(lf, cr) if lf == -1 or cr == -1 else min(lf, cr)
