"""What both clients do, as flows without I/O: one exchange, its repetitions, the wait for an approval, sessions, lists."""

from __future__ import annotations

import itertools
import math
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ._codes import RPC_HEADER_MISMATCH, RPC_METHOD_NOT_FOUND
from ._commands import Acquire, Close, Command, DeadlineError, Emit, Flow, Invoke, LostError, Open, Opened, Read, Release, Sleep
from ._identity import Credentials
from ._messages import (
    Json,
    event_of,
    is_bare_retryable,
    is_retryable,
    lost_session,
    media_type,
    not_mcp,
    parsed,
    raise_error,
    result_of,
    tool_result,
)
from ._options import LEGACY, CallOptions, Options
from ._param_headers import ParamMark, read_marks
from ._result import ApprovalRequest, Progress, ToolResult
from ._sse import SseSplitter, TooLargeError
from ._trace import Trace
from ._version import USER_AGENT
from ._wire import (
    ACCEPT,
    LOG_LEVEL,
    Question,
    SessionState,
    client_info,
    json_text,
    modern_headers,
    modern_meta,
    question,
    request_body,
    session_headers,
)
from .errors import (
    ApprovalTimeoutError,
    CallTimeoutError,
    GatewayError,
    PrecinctError,
    ProtocolError,
    SessionExpiredError,
    StepUpError,
    TransportError,
)

_PAGES_MAX = 1000
_WAIT_MAX_S = 60.0
_DOUBLINGS_MAX = 16
_APPROVAL_RETRY_S = 5.0  # where the gateway does not say when to come again
_APPROVAL_RETRY_MIN_S = 0.1  # whatever it says: no person decides faster
_GOODBYE_S = 2.0  # for what is said because everything stops
_DRAIN_S = 1.0  # for the end of a stream whose answer is there
_APPROVAL_CODE = "stepup_approval_required"
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


class Core:
    """One client's."""

    def __init__(self, options: Options, credentials: Credentials, clock: Clock) -> None:
        self.options = options
        self.credentials = credentials
        self.clock = clock
        self._ids = itertools.count(1)
        self._marks: Mapping[str, tuple[ParamMark, ...]] = {}
        self._implicit: LiveSession | None = None

    # Operations

    def call_tool(self, asked: Question, call: CallOptions, session: LiveSession | None) -> Flow[ToolResult]:
        answer = yield from self.ask(asked, call, session)
        return tool_result(answer.result, answer.trace_id)

    def stream_tool(self, asked: Question, call: CallOptions, session: LiveSession | None) -> Flow[None]:
        """Emits the events, then the result."""
        answer = yield from self.ask(asked, call, session)
        yield Emit(tool_result(answer.result, answer.trace_id))

    def request(self, asked: Question, call: CallOptions, session: LiveSession | None) -> Flow[Json]:
        return (yield from self.ask(asked, call, session)).result

    def list_all(self, method: str, member: str, call: CallOptions, session: LiveSession | None) -> Flow[list[Json]]:
        """Every page. Of tools it also learns which arguments travel in headers."""
        trace = Trace(self.options.traceparent)
        deadline = self._deadline(call)
        items: list[Json] = []
        cursor: object = None
        for _ in range(_PAGES_MAX):
            asked = question(method, None if cursor is None else {"cursor": cursor})
            answer = yield from self._repeated(asked, call, session, trace, deadline)
            page = answer.result.get(member)
            if not isinstance(page, list):
                raise ProtocolError(None, f"the result of {method} has no list of {member}", trace_id=trace.trace_id)
            items.extend(item for item in page if isinstance(item, dict))
            cursor = answer.result.get("nextCursor")
            if cursor is None:
                if method == "tools/list":
                    self._marks = _marks_of(items)
                return items
        raise ProtocolError(None, f"{method} has more than {_PAGES_MAX} pages", trace_id=trace.trace_id)

    def open_session(self, on_request: OnRequest | None, capabilities: Mapping[str, Any] | None) -> Flow[LiveSession]:
        """initialize and notifications/initialized of 2025-11-25."""
        call = self.plain_call()
        return (yield from self._open_session(on_request, capabilities, Trace(self.options.traceparent), self._deadline(call)))

    def end_session(self, session: LiveSession) -> Flow[None]:
        """Says goodbye; that nobody heard it is no fault."""
        if session.state.id is None:
            return
        yield from self._say("DELETE", session.state, None)

    def close(self) -> Flow[None]:
        session, self._implicit = self._implicit, None
        if session is not None:
            yield from self.end_session(session)

    def plain_call(self) -> CallOptions:
        return CallOptions(timeout=self.options.timeout, wait_for_approval=0)

    # The wait for an approval

    def ask(self, asked: Question, call: CallOptions, session: LiveSession | None) -> Flow[Answer]:
        """With wait_for_approval the identical call is repeated until its request is decided; another request's id: it ended undecided."""
        trace = Trace(self.options.traceparent)
        opened: str | None = None
        ends = 0.0
        while True:
            try:
                return (yield from self._repeated(asked, call, session, trace, self._deadline(call)))
            except StepUpError as refusal:
                waiting = _approval_of(refusal)
                if call.wait_for_approval == 0 or waiting is None or (opened is not None and waiting.request_id != opened):
                    raise
                after, fault = refusal.retry_after, refusal
            now = self.clock.monotonic()
            if opened is None:
                opened, ends = waiting.request_id, now + call.wait_for_approval
                if call.on_approval_requested is not None:
                    yield Invoke(call.on_approval_requested, (waiting,))
            if now >= ends:
                raise _undecided(fault)
            yield Sleep(min(_APPROVAL_RETRY_S if after is None else max(after, _APPROVAL_RETRY_MIN_S), _WAIT_MAX_S, ends - now))

    # Repetitions

    def _repeated(self, asked: Question, call: CallOptions, session: LiveSession | None, trace: Trace, deadline: float) -> Flow[Answer]:
        """Only what cannot have run is repeated, or what the caller says may run twice."""
        listed = False
        repeats = 0
        while True:
            fault: GatewayError | TransportError
            try:
                return (yield from self._once(asked, call, session, trace, deadline))
            except (GatewayError, ProtocolError) as refusal:
                if (
                    refusal.rpc_code == RPC_HEADER_MISMATCH
                    and asked.tool is not None
                    and not listed
                    and self.options.is_modern
                    and session is None
                ):
                    listed = True  # which arguments are marked was not known, or has changed; nothing has run
                    yield from self.list_all("tools/list", "tools", call, None)
                    continue
                if isinstance(refusal, ProtocolError) or not is_retryable(refusal):
                    raise
                fault = refusal
            except TransportError as lost:
                if not call.idempotent or not is_bare_retryable(lost):
                    raise
                fault = lost
            yield Sleep(self._pause(fault, repeats, deadline))
            repeats += 1

    def _pause(self, fault: GatewayError | TransportError, repeats: int, deadline: float) -> float:
        """Seconds to the next repetition: the gateway's word, or full jitter under a doubled bound. Raises the fault if none is left."""
        jitter = self.options.backoff_base * 2.0 ** min(repeats, _DOUBLINGS_MAX) * self.clock.random()
        pause = min(_WAIT_MAX_S, max(fault.retry_after or 0.0, jitter))
        if repeats >= self.options.max_retries or self.clock.monotonic() + pause >= deadline:
            raise fault
        return pause

    def _once(self, asked: Question, call: CallOptions, session: LiveSession | None, trace: Trace, deadline: float) -> Flow[Answer]:
        if session is not None or self.options.is_modern:
            return (yield from self._exchange(asked, call, session, trace, deadline))
        own = yield from self._own_session(None, trace, deadline)
        try:
            return (yield from self._exchange(asked, call, own, trace, deadline))
        except SessionExpiredError:
            own = yield from self._own_session(own, trace, deadline)
        return (yield from self._exchange(asked, call, own, trace, deadline))

    # One exchange

    def _exchange(
        self, asked: Question, call: CallOptions, session: LiveSession | None, trace: Trace, deadline: float, *, handshake: bool = False
    ) -> Flow[Answer]:
        modern = session is None and not handshake
        under_way = _Exchange(next(self._ids), call, trace.trace_id, session, deadline, None)
        headers = {**(yield from self._headers(trace)), **self._era_headers(asked, session, modern)}
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
                    yield from self._say("POST", session.state, _cancelled(under_way.id))
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

    def _headers(self, trace: Trace) -> Flow[dict[str, str]]:
        evidence = yield from self.credentials.headers()
        return {
            "Accept": ACCEPT,
            "Accept-Encoding": "identity",  # the bounds count what is read
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            "traceparent": trace.traceparent(),
            **evidence,
        }

    def _era_headers(self, asked: Question, session: LiveSession | None, modern: bool) -> dict[str, str]:
        if modern:
            return modern_headers(asked, self._marks.get(asked.tool or "", ()))
        return {} if session is None else session_headers(session.state)

    def _meta(self, under_way: _Exchange, modern: bool) -> dict[str, str]:
        call = under_way.call
        meta = dict(call.meta)
        if call.streams or call.on_progress is not None:
            under_way.token = under_way.id if call.progress_token is None else call.progress_token
            meta["progressToken"] = json_text(under_way.token)
        if call.streams and modern:
            meta.setdefault(LOG_LEVEL, '"debug"')  # without it the server may send none
        return modern_meta(self.options, meta) if modern else meta

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
        raise lost or not_mcp(response.status, response.headers, under_way.trace_id)

    def _from_stream(self, response: Opened, under_way: _Exchange) -> Flow[Json]:
        splitter = SseSplitter(self.options.max_answer_bytes)
        while piece := (yield Read(response, under_way.deadline)):
            try:
                for data in splitter.push(piece):
                    message = parsed(data)
                    if message is None and data:
                        raise not_mcp(response.status, response.headers, under_way.trace_id)
                    if message is None:
                        continue  # an event that only carries an id
                    if "method" in message:
                        yield from self._take(message, under_way)
                    elif self._is_answer(message, response, under_way):
                        yield from self._drain(response, under_way)
                        return message
            except TooLargeError:
                raise self._too_large(under_way) from None
        raise TransportError("The stream ended without an answer.", may_have_run=True, trace_id=under_way.trace_id)

    def _drain(self, response: Opened, under_way: _Exchange) -> Flow[None]:
        """A stream that is left before its end is a hang-up in the gateway's record, and costs the connection."""
        until = min(under_way.deadline, self.clock.monotonic() + _DRAIN_S)
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
            if held > self.options.max_answer_bytes:
                raise self._too_large(under_way)
            parts.append(piece)
        return b"".join(parts)

    def _too_large(self, under_way: _Exchange) -> TransportError:
        return TransportError(
            f"The answer is larger than {self.options.max_answer_bytes} bytes (max_answer_bytes).",
            may_have_run=True,
            trace_id=under_way.trace_id,
        )

    def _is_answer(self, message: Json, response: Opened, under_way: _Exchange) -> bool:
        """Raises the error that it says."""
        given = message.get("id")
        if given is not None and (type(given) is not int or given != under_way.id):
            return False
        expired = lost_session(response.status, under_way.trace_id) if under_way.session is not None else None
        try:
            raise_error(message, response.status, response.headers, under_way.trace_id)
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
                yield from self._reply(message, under_way.session)
            return
        event = event_of(message, under_way.token)
        if event is None:
            return
        if under_way.call.streams:
            yield Emit(event)
        if under_way.call.on_progress is not None and isinstance(event, Progress):
            yield Invoke(under_way.call.on_progress, (event,))

    def _reply(self, message: Json, session: LiveSession) -> Flow[None]:
        reply = {"jsonrpc": "2.0", "id": message["id"], **(yield from self._handled(message, session.on_request))}
        yield from self._say("POST", session.state, reply)

    def _handled(self, message: Json, on_request: OnRequest | None) -> Flow[Json]:
        method, params = message.get("method"), message.get("params")
        if method == "ping":
            return {"result": {}}
        if on_request is None or not isinstance(method, str):
            return _failed(RPC_METHOD_NOT_FOUND, "the client answers no such request")
        try:
            result = yield Invoke(on_request, (method, params if isinstance(params, dict) else {}))
        except NotImplementedError:
            return _failed(RPC_METHOD_NOT_FOUND, "the client answers no such request")
        except Exception:
            return _failed(_INTERNAL_ERROR, "the client's handler failed")  # its words are the client's own
        return {"result": result} if isinstance(result, Mapping) else _failed(RPC_METHOD_NOT_FOUND, "the client answers no such request")

    def _say(self, method: str, state: SessionState, message: object) -> Flow[None]:
        """What is answered with a status alone."""
        try:
            headers = {**(yield from self._headers(Trace(None))), **session_headers(state)}
            body = None if message is None else json_text(message).encode()
            yield Close((yield Open(method, headers, body, self.clock.monotonic() + _GOODBYE_S)))
        except (LostError, DeadlineError, PrecinctError):
            pass

    # Sessions

    def _open_session(
        self, on_request: OnRequest | None, capabilities: Mapping[str, Any] | None, trace: Trace, deadline: float
    ) -> Flow[LiveSession]:
        offered = (
            capabilities if capabilities is not None else {"elicitation": {}, "roots": {}, "sampling": {}} if on_request is not None else {}
        )
        asked = question("initialize", {"protocolVersion": LEGACY, "capabilities": offered, "clientInfo": client_info(self.options)})
        repeats = 0
        while True:
            try:
                answer = yield from self._exchange(asked, self.plain_call(), None, trace, deadline, handshake=True)
                break
            except GatewayError as refusal:
                if not is_retryable(refusal):
                    raise
                pause = self._pause(refusal, repeats, deadline)
            yield Sleep(pause)
            repeats += 1
        version = answer.result.get("protocolVersion")
        state = SessionState(answer.headers.get("mcp-session-id"), version if isinstance(version, str) else LEGACY)
        yield from self._say("POST", state, {"jsonrpc": "2.0", "method": "notifications/initialized"})
        return LiveSession(state, on_request, answer.result)

    def _own_session(self, lost: LiveSession | None, trace: Trace, deadline: float) -> Flow[LiveSession]:
        """The client's own; a new one in place of one that was lost, unless another call has made it already."""
        yield Acquire()
        try:
            if self._implicit is None or self._implicit is lost:
                self._implicit = None
                self._implicit = yield from self._open_session(None, None, trace, deadline)
            return self._implicit
        finally:
            yield Release()

    def _deadline(self, call: CallOptions) -> float:
        return math.inf if math.isinf(call.timeout) else self.clock.monotonic() + call.timeout


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


def _approval_of(refusal: GatewayError) -> ApprovalRequest | None:
    if refusal.code != _APPROVAL_CODE or refusal.request_id is None:
        return None
    command, expires = refusal.details.get("command"), refusal.details.get("expires_at")
    return ApprovalRequest(refusal.request_id, command if isinstance(command, str) else None, expires if isinstance(expires, str) else None)


def _undecided(refusal: GatewayError) -> ApprovalTimeoutError:
    return ApprovalTimeoutError(
        refusal.code,
        refusal.message,
        step=refusal.step,
        middleware=refusal.middleware,
        reason_code=refusal.reason_code,
        decision_id=refusal.decision_id,
        trace_id=refusal.trace_id,
        details=refusal.details,
        remediation=refusal.remediation,
        docs_url=refusal.docs_url,
        retry_after=refusal.retry_after,
        http_status=refusal.http_status,
        rpc_code=refusal.rpc_code,
    )


def _marks_of(tools: list[Json]) -> dict[str, tuple[ParamMark, ...]]:
    marks = {tool["name"]: read_marks(tool.get("inputSchema")) for tool in tools if isinstance(tool.get("name"), str)}
    return {name: found for name, found in marks.items() if found}


__all__ = ["Clock", "Command", "Core", "LiveSession", "OnRequest"]
