"""Makes the core of a client, and the options of one call, from what their keyword arguments say."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from ._core import Core
from ._exchange import Clock
from ._gateway_url import DEFAULT_URL, read_url
from ._identity import Given, Target, find_evidence
from ._options import CallOptions, Options, read_count, read_era, read_seconds
from ._trace import TraceSource
from ._wire import Question, meta_members, question
from .errors import ConfigurationError

_NAME_CHARS_MAX = 256


def make_core(
    *,
    gateway_url: str | None,
    given: Given,
    has_http_client: bool,
    era: str,
    timeout: float,
    max_retries: int,
    backoff_base: float,
    wait_for_approval: float | None,
    on_approval_requested: Callable[..., Any] | None,
    traceparent: TraceSource,
    client_name: str,
    client_version: str,
    max_answer_bytes: int,
) -> Core:
    """Reads the environment once."""
    url = read_url(gateway_url or os.environ.get("PRECINCT_GATEWAY_URL") or DEFAULT_URL)
    for text in (client_name, client_version):
        if not isinstance(text, str) or not 0 < len(text) <= _NAME_CHARS_MAX:
            raise ConfigurationError(f"client_name and client_version have 1 to {_NAME_CHARS_MAX} characters.")
    clock = Clock()
    options = Options(
        url=url,
        gateway_spiffe_id=given.gateway_spiffe_id,
        era=read_era(era),
        timeout=read_seconds("timeout", timeout, 0),
        max_retries=read_count("max_retries", max_retries, 0),
        backoff_base=read_seconds("backoff_base", backoff_base, 0, zero=True),
        wait_for_approval=read_seconds("wait_for_approval", wait_for_approval, 0, zero=True),
        on_approval_requested=on_approval_requested,
        traceparent=traceparent,
        client_name=client_name,
        client_version=client_version,
        max_answer_bytes=read_count("max_answer_bytes", max_answer_bytes, 1),
    )
    return Core(options, find_evidence(given, os.environ, Target(url, url.is_https and not has_http_client), lambda: clock.wall()), clock)


def call_options(
    options: Options,
    *,
    timeout: float | None = None,
    idempotent: bool = False,
    wait_for_approval: float | None = None,
    on_approval_requested: Callable[..., Any] | None = None,
    on_progress: Callable[..., Any] | None = None,
    meta: Mapping[str, Any] | None = None,
    streams: bool = False,
) -> CallOptions:
    """None = as the client's."""
    return CallOptions(
        timeout=read_seconds("timeout", timeout, options.timeout),
        wait_for_approval=read_seconds("wait_for_approval", wait_for_approval, options.wait_for_approval, zero=True),
        idempotent=idempotent,
        on_progress=on_progress,
        on_approval_requested=on_approval_requested or options.on_approval_requested,
        streams=streams,
        meta=meta_members(meta),
        progress_token=None if meta is None else meta.get("progressToken"),
    )


def asked(
    method: str, params: Mapping[str, Any], input_responses: Mapping[str, Any] | None = None, request_state: str | None = None
) -> Question:
    """With what answers an earlier InputRequiredError."""
    answers = {"inputResponses": input_responses, "requestState": request_state}
    return question(method, {**params, **{key: value for key, value in answers.items() if value is not None}})


def of_tool(
    name: str, arguments: Mapping[str, Any] | None, input_responses: Mapping[str, Any] | None, request_state: str | None
) -> Question:
    return asked("tools/call", {"name": name, "arguments": {} if arguments is None else arguments}, input_responses, request_state)
