"""What both clients do, as flows without I/O: operations, their repetitions, the wait for an approval, sessions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ._codes import RPC_HEADER_MISMATCH
from ._commands import Acquire, DeadlineError, Emit, Flow, Invoke, Release, Sleep
from ._exchange import Answer, Clock, Exchanges, LiveSession, OnRequest
from ._gateway_error import APPROVAL_CODE, restored
from ._identity import Evidence
from ._messages import Json, is_bare_retryable, is_retryable, tool_result
from ._options import LEGACY, CallOptions, Options
from ._param_headers import ParamMark, read_marks
from ._result import ApprovalRequest, ToolResult
from ._trace import Trace
from ._wire import Question, SessionState, client_info, question
from .errors import ApprovalTimeoutError, CallTimeoutError, GatewayError, ProtocolError, SessionExpiredError, StepUpError, TransportError

_PAGES_MAX = 1000
_WAIT_MAX_S = 60.0
_DOUBLINGS_MAX = 16
_APPROVAL_RETRY_S = 5.0  # where the gateway does not say when to come again
_APPROVAL_RETRY_MIN_S = 0.1  # whatever it says: no person decides faster


class Core:
    """One client's."""

    def __init__(self, options: Options, evidence: Evidence, clock: Clock) -> None:
        self.options = options
        self.evidence = evidence
        self.clock = clock
        self._exchanges = Exchanges(options, evidence, clock)
        self._implicit: LiveSession | None = None

    # Operations

    def call_tool(self, asked: Question, call: CallOptions, session: LiveSession | None) -> Flow[ToolResult]:
        answer = yield from self._approved(asked, call, session)
        return tool_result(answer.result, answer.trace_id)

    def stream_tool(self, asked: Question, call: CallOptions, session: LiveSession | None) -> Flow[None]:
        """Emits the events, then the result."""
        answer = yield from self._approved(asked, call, session)
        yield Emit(tool_result(answer.result, answer.trace_id))

    def request(self, asked: Question, call: CallOptions, session: LiveSession | None) -> Flow[Json]:
        return (yield from self._approved(asked, call, session)).result

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
                    self._exchanges.marks = _marks_of(items)
                return items
        raise ProtocolError(None, f"{method} has more than {_PAGES_MAX} pages", trace_id=trace.trace_id)

    def open_session(self, on_request: OnRequest | None, capabilities: Mapping[str, Any] | None) -> Flow[LiveSession]:
        """initialize and notifications/initialized of 2025-11-25."""
        call = self._plain_call()
        return (yield from self._open_session(on_request, capabilities, Trace(self.options.traceparent), self._deadline(call)))

    def end_session(self, session: LiveSession) -> Flow[None]:
        """Says goodbye; that nobody heard it is no fault."""
        if session.state.id is None:
            return
        yield from self._exchanges.say("DELETE", session.state, None)

    def close(self) -> Flow[None]:
        session, self._implicit = self._implicit, None
        if session is not None:
            yield from self.end_session(session)

    def _plain_call(self) -> CallOptions:
        return CallOptions(timeout=self.options.timeout, wait_for_approval=0)

    # The wait for an approval

    def _approved(self, asked: Question, call: CallOptions, session: LiveSession | None) -> Flow[Answer]:
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
                fault = refusal
            now = self.clock.monotonic()
            if opened is None:
                opened, ends = waiting.request_id, now + call.wait_for_approval
                if call.on_approval_requested is not None:
                    yield Invoke(call.on_approval_requested, (waiting,))
            if now >= ends:
                raise restored(ApprovalTimeoutError, fault.args, vars(fault))
            pause = _APPROVAL_RETRY_S if fault.retry_after is None else max(fault.retry_after, _APPROVAL_RETRY_MIN_S)
            yield Sleep(min(pause, _WAIT_MAX_S, ends - now))

    # Repetitions

    def _repeated(self, asked: Question, call: CallOptions, session: LiveSession | None, trace: Trace, deadline: float) -> Flow[Answer]:
        """Only what cannot have run is repeated, or what the caller says may run twice."""
        listed = False
        ran = False
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
            except (TransportError, CallTimeoutError) as lost:
                ran = lost.may_have_run = ran or lost.may_have_run  # an earlier attempt's, too
                if isinstance(lost, CallTimeoutError) or not call.idempotent or not is_bare_retryable(lost):
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
            return (yield from self._exchanges.ask(asked, call, session, trace, deadline))
        own = yield from self._own_session(None, trace, deadline)
        try:
            return (yield from self._exchanges.ask(asked, call, own, trace, deadline))
        except SessionExpiredError:
            own = yield from self._own_session(own, trace, deadline)
        return (yield from self._exchanges.ask(asked, call, own, trace, deadline))

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
                answer = yield from self._exchanges.ask(asked, self._plain_call(), None, trace, deadline, handshake=True)
                break
            except GatewayError as refusal:
                if not is_retryable(refusal):
                    raise
                pause = self._pause(refusal, repeats, deadline)
            yield Sleep(pause)
            repeats += 1
        version = answer.result.get("protocolVersion")
        state = SessionState(answer.headers.get("mcp-session-id"), version if isinstance(version, str) else LEGACY)
        yield from self._exchanges.say("POST", state, {"jsonrpc": "2.0", "method": "notifications/initialized"})
        return LiveSession(state, on_request, answer.result)

    def _own_session(self, lost: LiveSession | None, trace: Trace, deadline: float) -> Flow[LiveSession]:
        """The client's own; a new one in place of one that was lost, unless another call has made it already."""
        try:
            yield Acquire(deadline)
        except DeadlineError:
            raise CallTimeoutError(
                "no session within the call's time; nothing has run", may_have_run=False, trace_id=trace.trace_id
            ) from None
        try:
            if self._implicit is None or self._implicit is lost:
                self._implicit = None
                self._implicit = yield from self._open_session(None, None, trace, deadline)
            return self._implicit
        finally:
            yield Release()

    def _deadline(self, call: CallOptions) -> float:
        return math.inf if math.isinf(call.timeout) else self.clock.monotonic() + call.timeout


def _approval_of(refusal: GatewayError) -> ApprovalRequest | None:
    if refusal.code != APPROVAL_CODE or refusal.request_id is None:
        return None
    command, expires = refusal.details.get("command"), refusal.details.get("expires_at")
    return ApprovalRequest(refusal.request_id, command if isinstance(command, str) else None, expires if isinstance(expires, str) else None)


def _marks_of(tools: list[Json]) -> dict[str, tuple[ParamMark, ...]]:
    marks = {tool["name"]: read_marks(tool.get("inputSchema")) for tool in tools if isinstance(tool.get("name"), str)}
    return {name: found for name, found in marks.items() if found}
