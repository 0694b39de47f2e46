"""One request and its answer, as a flow without I/O: what goes out, what comes under way, and what is said where nobody waits any more."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ._codes import RPC_METHOD_NOT_FOUND
from ._commands import Close, DeadlineError, Emit, Flow, Invoke, LostError, Open, Opened, Read
from ._identity import Evidence
from ._messages import Json, event_of, lost_session, media_type, not_mcp, parsed, raise_error, result_of
from ._options import CallOptions, Options
from ._param_headers import ParamMark
from ._result import Progress
from ._sse import SseSplitter, TooLargeError
from ._trace import Trace
from ._version import USER_AGENT
from ._wire import ACCEPT, LOG_LEVEL, Question, SessionState, json_text, modern_headers, modern_meta, request_body, session_headers
from .errors import CallTimeoutError, PrecinctError, ProtocolError, TransportError

_GOODBYE_S = 2.0  # for what is said because everything stops
_DRAIN_S = 1.0  # for the end of a stream whose answer is there
_INTERNAL_ERROR = -32603

OnRequest = Callable[[str, dict[str, Any]], Any]


@dataclass(slots=True)
class Clock:
    """Time and chance, which tests replace."""

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    random: Callable[[], float] = random.random


@dataclass(slots=True)
class Answer:
    """A response that is a result."""

    result: Json
    headers: Mapping[str, str]
    trace_id: str


@dataclass(slots=True)
class LiveSession:
    """A session that somebody holds, and what answers the server in it."""

    state: SessionState
    on_request: OnRequest | None
    initialized: Json


@dataclass(slots=True)
class _Exchange:
    """One request under way."""

    id: int
    call: CallOptions
    trace_id: str
    session: LiveSession | None
    deadline: float
    token: Any


class Exchanges:
    """One client's."""

    def __init__(self, options: Options, evidence: Evidence, clock: Clock) -> None:
        self._options = options
        self._evidence = evidence
        self._clock = clock
        self._ids = itertools.count(1)
        self.marks: Mapping[str, tuple[ParamMark, ...]] = {}
        """Of each tool: which arguments travel in headers, too."""

    def ask(
        self, asked: Question, call: CallOptions, session: LiveSession | None, trace: Trace, deadline: float, *, handshake: bool = False
    ) -> Flow[Answer]:
        modern = session is None and not handshake
        under_way = _Exchange(next(self._ids), call, trace.trace_id, session, deadline, None)
        try:
            headers = {**(yield from self._headers(trace, deadline)), **self._era_headers(asked, session, modern)}
        except DeadlineError:  # of a function of the caller's that gives the token
            raise CallTimeoutError(
                f"no token within {call.timeout:g} s; nothing has run", may_have_run=False, trace_id=trace.trace_id
            ) from None
        body = request_body(under_way.id, asked, self._meta(under_way, modern))
        response: Opened | None = None
        try:
            response = yield Open("POST", headers, body, deadline)
            message = yield from self._answer(response, under_way)
            yield Close(response)
            return Answer(result_of(message, trace.trace_id), response.headers, trace.trace_id)
        except GeneratorExit:
            raise
        except BaseException as fault:
            try:
                if session is not None and _gives_up(fault):
                    yield from self.say("POST", session.state, _cancelled(under_way.id))
            finally:
                if response is not None:
                    yield Close(response)
            if isinstance(fault, LostError):
                raise TransportError(f"{fault.reason}.", may_have_run=fault.sent_whole, trace_id=trace.trace_id) from None
            if isinstance(fault, DeadlineError):
                raise CallTimeoutError(
                    f"no answer within {call.timeout:g} s; the record: agw audit explain {trace.trace_id}",
                    may_have_run=fault.sent_whole,
                    trace_id=trace.trace_id,
                ) from None
            raise

    def _headers(self, trace: Trace, deadline: float) -> Flow[dict[str, str]]:
        return {
            "Accept": ACCEPT,
            "Accept-Encoding": "identity",  # the bounds count what is read
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            "traceparent": trace.traceparent(),
            **(yield from self._evidence.headers(deadline)),
        }

    def _era_headers(self, asked: Question, session: LiveSession | None, modern: bool) -> dict[str, str]:
        if modern:
            return modern_headers(asked, self.marks.get(asked.tool or "", ()))
        return {} if session is None else session_headers(session.state)

    def _meta(self, under_way: _Exchange, modern: bool) -> dict[str, str]:
        call = under_way.call
        meta = dict(call.meta)
        if call.streams or call.on_progress is not None:
            under_way.token = under_way.id if call.progress_token is None else call.progress_token
            meta["progressToken"] = json_text(under_way.token)
        if call.streams and modern:
            meta.setdefault(LOG_LEVEL, '"debug"')  # without it the server may send none
        return modern_meta(self._options, meta) if modern else meta

    def _answer(self, response: Opened, under_way: _Exchange) -> Flow[Json]:
        """The response to this request. Raises what it says went wrong, or TransportError for what is no MCP."""
        kind = media_type(response.headers)
        if kind == "text/event-stream":
            return (yield from self._from_stream(response, under_way))
        if kind == "application/json" or kind.endswith("+json"):
            message = parsed((yield from self._whole(response, under_way)))
            if message is not None and self._is_answer(message, response, under_way):
                return message
        lost = lost_session(response.status, under_way.trace_id) if under_way.session is not None else None
        raise lost or not_mcp(response.status, response.headers, under_way.trace_id, self._clock.wall())

    def _from_stream(self, response: Opened, under_way: _Exchange) -> Flow[Json]:
        splitter = SseSplitter(self._options.max_answer_bytes)
        while piece := (yield Read(response, under_way.deadline)):
            try:
                for data in splitter.push(piece):
                    message = parsed(data)
                    if message is None and data:
                        raise not_mcp(response.status, response.headers, under_way.trace_id, self._clock.wall())
                    if message is None:
                        continue  # an event that only carries an id
                    if "method" in message:
                        yield from self._take(message, under_way)
                    elif self._is_answer(message, response, under_way):
                        yield from self._drain(response, under_way)
                        return message
            except TooLargeError:
                raise self._too_large(response, under_way) from None
        raise TransportError("The stream ended without an answer.", may_have_run=True, trace_id=under_way.trace_id)

    def _drain(self, response: Opened, under_way: _Exchange) -> Flow[None]:
        """A stream that is left before its end is a hang-up in the gateway's record, and costs the connection."""
        until = min(under_way.deadline, self._clock.monotonic() + _DRAIN_S)
        try:
            while (yield Read(response, until)):
                pass
        except (LostError, DeadlineError):
            pass

    def _whole(self, response: Opened, under_way: _Exchange) -> Flow[bytes]:
        parts: list[bytes] = []
        held = 0
        while piece := (yield Read(response, under_way.deadline)):
            held += len(piece)
            if held > self._options.max_answer_bytes:
                raise self._too_large(response, under_way)
            parts.append(piece)
        return b"".join(parts)

    def _too_large(self, response: Opened, under_way: _Exchange) -> TransportError:
        return TransportError(
            f"The answer is larger than {self._options.max_answer_bytes} bytes (max_answer_bytes).",
            may_have_run=True,
            http_status=response.status,
            trace_id=under_way.trace_id,
        )

    def _is_answer(self, message: Json, response: Opened, under_way: _Exchange) -> bool:
        """Raises the error that it says."""
        given = message.get("id")
        if given is not None and (type(given) is not int or given != under_way.id):
            return False
        expired = lost_session(response.status, under_way.trace_id) if under_way.session is not None else None
        try:
            raise_error(message, response.status, response.headers, under_way.trace_id, self._clock.wall())
        except ProtocolError as error:
            # An unknown method has 404, too, and ends no session.
            if expired is not None and error.rpc_code != RPC_METHOD_NOT_FOUND:
                raise expired from None
            raise
        return given is not None and isinstance(message.get("result"), dict)

    # What the server says under way

    def _take(self, message: Json, under_way: _Exchange) -> Flow[None]:
        if "id" in message:
            if under_way.session is not None:
                yield from self._reply(message, under_way.session, under_way.deadline)
            return
        event = event_of(message, under_way.token)
        if event is None:
            return
        if under_way.call.streams:
            yield Emit(event)
        if under_way.call.on_progress is not None and isinstance(event, Progress):
            yield Invoke(under_way.call.on_progress, (event,), under_way.deadline)

    def _reply(self, message: Json, session: LiveSession, deadline: float) -> Flow[None]:
        reply = {"jsonrpc": "2.0", "id": message["id"], **(yield from self._handled(message, session.on_request, deadline))}
        yield from self.say("POST", session.state, reply)

    def _handled(self, message: Json, on_request: OnRequest | None, deadline: float) -> Flow[Json]:
        method, params = message.get("method"), message.get("params")
        if method == "ping":
            return {"result": {}}
        if on_request is None or not isinstance(method, str):
            return _failed(RPC_METHOD_NOT_FOUND, "the client answers no such request")
        try:
            result = yield Invoke(on_request, (method, params if isinstance(params, dict) else {}), deadline)
            if isinstance(result, Mapping):
                json_text(result)  # may fail here: the server waits for an answer also to what has no JSON
        except DeadlineError:
            raise  # of the call that it was asked for
        except NotImplementedError:
            return _failed(RPC_METHOD_NOT_FOUND, "the client answers no such request")
        except Exception:
            return _failed(_INTERNAL_ERROR, "the client's handler failed")  # its words are the client's own
        return {"result": result} if isinstance(result, Mapping) else _failed(RPC_METHOD_NOT_FOUND, "the client answers no such request")

    def say(self, method: str, state: SessionState, message: object) -> Flow[None]:
        """What is answered with a status alone."""
        try:
            deadline = self._clock.monotonic() + _GOODBYE_S
            headers = {**(yield from self._headers(Trace(None), deadline)), **session_headers(state)}
            body = None if message is None else json_text(message).encode()
            yield Close((yield Open(method, headers, body, deadline)))
        except (LostError, DeadlineError, PrecinctError):
            pass


def _gives_up(fault: BaseException) -> bool:
    """Whether the call goes on at the server although nobody waits for it."""
    if isinstance(fault, DeadlineError):
        return fault.sent_whole
    return not isinstance(fault, PrecinctError | LostError)


def _cancelled(request_id: int) -> Json:
    return {
        "jsonrpc": "2.0",
        "method": "notifications/cancelled",
        "params": {"requestId": request_id, "reason": "nobody waits for the answer"},
    }


def _failed(code: int, message: str) -> Json:
    return {"error": {"code": code, "message": message}}
