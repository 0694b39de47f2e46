"""Headers that repeat what the body says: Mcp-Name, and arguments that a tool's schema marks (2026-07-28, basic/transports)."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ._secret_ref import SecretRef, wire_text

_MARK = "x-mcp-header"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_PLAIN = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_SENTINEL = "=?base64?"
_MARKS_MAX = 64
_DEPTH_MAX = 16
_PRIMITIVES = frozenset({"string", "integer", "boolean"})


@dataclass(frozen=True, slots=True)
class ParamMark:
    """One marked property: its header, and its path from the arguments' root."""

    header: str
    path: tuple[str, ...]


def encoded(value: str) -> str:
    """Plain if visible ASCII without outer blanks, else the =?base64?…?= form."""
    if _PLAIN.fullmatch(value) is not None and not value.startswith(_SENTINEL):
        return value
    return f"{_SENTINEL}{base64.b64encode(value.encode()).decode()}?="


def read_marks(input_schema: object) -> tuple[ParamMark, ...]:
    """The marks of one tool's inputSchema. Empty too if one breaks the rules: then no client repeats any."""
    marks = list(_walk(input_schema, ()))
    seen = _count(input_schema, 0)
    valid = [mark for mark in marks if mark is not None]
    # A mark that was seen and not reached stands where none may: behind items, a composition or a $ref.
    whole = len(valid) == len(marks) == seen and len({mark.header for mark in valid}) == seen
    return tuple(valid) if whole and seen <= _MARKS_MAX else ()


def _count(schema: object, depth: int) -> int:
    if depth > 2 * _DEPTH_MAX:
        return 0
    if isinstance(schema, list):
        return sum(_count(each, depth + 1) for each in schema)
    if not isinstance(schema, dict):
        return 0
    return (1 if _MARK in schema else 0) + sum(_count(each, depth + 1) for each in schema.values())


def _walk(schema: object, path: tuple[str, ...]) -> Iterator[ParamMark | None]:
    properties = schema.get("properties") if isinstance(schema, dict) and len(path) < _DEPTH_MAX else None
    if not isinstance(properties, dict):
        return
    for name, each in properties.items():
        if not isinstance(each, dict):
            continue
        here = (*path, name)
        mark = each.get(_MARK)
        if mark is not None:
            right = isinstance(mark, str) and _TOKEN.fullmatch(mark) is not None and each.get("type") in _PRIMITIVES
            yield ParamMark(f"Mcp-Param-{mark}".lower(), here) if right else None
        yield from _walk(each, here)


def param_headers(marks: tuple[ParamMark, ...], arguments: Mapping[str, Any]) -> dict[str, str]:
    """The headers that go with these arguments; what is absent, null or no primitive has none."""
    headers: dict[str, str] = {}
    for mark in marks:
        value: object = arguments
        for name in mark.path:
            value = value.get(name) if isinstance(value, Mapping) else None
        text = _text(value)
        if text is not None:
            headers[mark.header] = encoded(text)
    return headers


def _text(value: object) -> str | None:
    if isinstance(value, SecretRef):
        return wire_text(value)
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, bool | int | float) else None
