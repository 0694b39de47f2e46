"""The behaviour table's driver: a JSON line in, a JSON line out, until the input ends. --sync drives SyncGatewayClient.

python behaviour/driver.py [--sync]
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "src"))

from mcp_gateway_sdk import (
    ApprovalRequest,
    GatewayClient,
    LogMessage,
    PrecinctError,
    Progress,
    Session,
    SyncGatewayClient,
    SyncSession,
    ToolResult,
    secret_ref,
)

Line = dict[str, Any]
Events = list[dict[str, Any]]
AnyClient = GatewayClient | SyncGatewayClient
AnySession = Session | SyncSession

_DRIVERS_OWN = {"raise_on_error", "cancel_after_event", "cancel_on_approval", "on_progress", "on_request"}
_ERROR_MEMBERS = (
    "code", "step", "message", "middleware", "reason_code", "decision_id", "trace_id", "remediation", "docs_url", "retry_after", "details",
    "http_status", "rpc_code", "data", "may_have_run", "request_id", "input_requests", "request_state",
)  # fmt: skip


def with_references(value: Any) -> Any:
    """{"$secret_ref": {…}} stands for what secret_ref() makes."""
    if isinstance(value, list):
        return [with_references(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "$secret_ref" in value:
        return secret_ref(**value["$secret_ref"])
    return {key: with_references(each) for key, each in value.items()}


def error_of(error: BaseException) -> Line:
    if isinstance(error, asyncio.CancelledError):
        return {"class": "Cancelled"}
    members = {name: getattr(error, name, None) for name in _ERROR_MEMBERS}
    return {"class": type(error).__name__, **members, "message": members["message"] or str(error), "shown": f"{error} {error!r}"}


def shape_of(result: Any) -> Any:
    if isinstance(result, ToolResult):
        return {**asdict(result), "meta": result.meta or None, "text": result.text}
    return result


def event_of(event: Progress | LogMessage | ApprovalRequest) -> Line:
    kinds = {Progress: "progress", LogMessage: "log", ApprovalRequest: "approval"}
    return {"type": kinds[type(event)], **asdict(event)}


def words_of(line: Line) -> tuple[list[Any], Line]:
    """The arguments of an operation, by position and by keyword."""
    options = {key: value for key, value in line.get("options", {}).items() if key not in _DRIVERS_OWN}
    match line["operation"]:
        case "call_tool" | "stream_tool":
            return [line["name"], with_references(line.get("arguments"))], options
        case "get_prompt":
            return [line["name"], line.get("arguments")], options
        case "read_resource":
            return [line["uri"]], options
        case "request":
            return [line["method"], line.get("params")], options
    return [], options


def on_request_of(line: Line, asked: Events) -> Callable[[str, Line], Any] | None:
    """Method -> result; others are not answered."""
    answers = line.get("options", {}).get("on_request")
    if answers is None:
        return None

    def answer(method: str, params: Line) -> Any:
        asked.append({"type": "request", "method": method, "params": params})
        if method not in answers:
            raise NotImplementedError
        return answers[method]

    return answer


@contextlib.contextmanager
def environment(names: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


async def given(value: Any) -> Any:
    """What an operation gives; the asynchronous client's is awaited."""
    return await value if inspect.isawaitable(value) else value


async def close(opened: AnyClient | AnySession) -> None:
    await given(opened.aclose() if isinstance(opened, GatewayClient | Session) else opened.close())


async def items_of(stream: Generator[Any, None, None] | AsyncGenerator[Any, None]) -> AsyncGenerator[Any, None]:
    """Of a stream of either client; who leaves it closes it."""
    if isinstance(stream, Generator):
        with contextlib.closing(stream):
            for item in stream:
                yield item
    else:
        async with contextlib.aclosing(stream):
            async for item in stream:
                yield item


class Driver:
    """The synchronous client waits in this same thread: one line is asked at a time."""

    def __init__(self, kind: type[GatewayClient] | type[SyncGatewayClient]) -> None:
        self._kind = kind
        self._kept: dict[str, AnyClient] = {}

    async def answer(self, line: Line) -> Line:
        events: Events = []
        try:
            with environment(line.get("env", {})):
                return {"result": shape_of(await self._ask(line, events)), "events": events}
        except (Exception, asyncio.CancelledError) as error:  # one line's fault must not end the others
            return {"error": error_of(error), "events": events}

    async def close(self) -> None:
        for client in self._kept.values():
            await close(client)

    async def _ask(self, line: Line, events: Events) -> Any:
        if line["operation"] == "close":
            client = self._kept.get(line["client_id"])
            if client is not None:
                await close(client)
            return {}
        async with self._client(line, events) as client:
            match line["operation"]:
                case "construct":
                    return {}
                case "identity":
                    await given(client.ready())
                    return asdict(client.identity)
                case "session":
                    return await self._session(client, line)
            return await self._operate(client, line, events)

    @contextlib.asynccontextmanager
    async def _client(self, line: Line, events: Events) -> AsyncIterator[AnyClient]:
        key = line.get("client_id")
        client = self._kept.get(key) if key is not None else None
        if client is None:
            client = self._kind(**line.get("client", {}), on_approval_requested=lambda asked: events.append(event_of(asked)))
        if key is not None:
            self._kept[key] = client
        try:
            yield client
        finally:
            if key is None:
                await close(client)

    async def _session(self, client: AnyClient, line: Line) -> Line:
        asked: Events = []
        session = client.session(on_request=on_request_of(line, asked))
        await given(session.open())
        try:
            return {"steps": [await self._step(session, step, asked) for step in line["steps"]], "session_id": session.id}
        finally:
            await close(session)

    async def _step(self, session: AnySession, step: Line, events: Events) -> Line:
        events.clear()
        try:
            return {"result": shape_of(await self._operate(session, step, events)), "events": [*events]}
        except PrecinctError as error:
            return {"error": error_of(error), "events": [*events]}

    async def _operate(self, on: AnyClient | AnySession, line: Line, events: Events) -> Any:
        words, options = words_of(line)
        wanted = line.get("options", {})
        if line["operation"] == "stream_tool":
            return await self._streamed(on.stream_tool(*words, **options), wanted.get("cancel_after_event"), events)
        enough = asyncio.Event()

        def note(event: Progress | ApprovalRequest) -> None:
            events.append(event_of(event))
            if len(events) == wanted.get("cancel_after_event") or (isinstance(event, ApprovalRequest) and wanted.get("cancel_on_approval")):
                enough.set()

        if wanted.keys() & {"on_progress", "cancel_after_event"}:
            options["on_progress"] = note
        if "cancel_on_approval" in wanted:
            options["on_approval_requested"] = note
        result = await self._until(enough, getattr(on, line["operation"])(*words, **options))
        if wanted.get("raise_on_error"):
            result.raise_on_error()
        return {} if result is None else result

    async def _until(self, enough: asyncio.Event, operation: Any) -> Any:
        """What it gives, unless the caller has had enough before; a thread that waits is not cancelled from without."""
        call, stop = asyncio.ensure_future(given(operation)), asyncio.ensure_future(enough.wait())
        await asyncio.wait([call, stop], return_when=asyncio.FIRST_COMPLETED)
        if not call.done():
            call.cancel()
        stop.cancel()
        return await call

    async def _streamed(self, stream: Any, cancel_after: int | None, events: Events) -> Any:
        result: Any = None
        async with contextlib.aclosing(items_of(stream)) as items:
            async for event in items:
                if isinstance(event, ToolResult):
                    result = event
                    continue
                events.append(event_of(event))
                if len(events) == cancel_after:
                    raise asyncio.CancelledError
        return result


async def drive(kind: type[GatewayClient] | type[SyncGatewayClient]) -> None:
    driver = Driver(kind)
    while text := await asyncio.to_thread(sys.stdin.readline):
        line = json.loads(text)
        print(json.dumps({"id": line["id"], **await driver.answer(line)}, default=str), flush=True)
    await driver.close()


if __name__ == "__main__":
    asyncio.run(drive(SyncGatewayClient if "--sync" in sys.argv[1:] else GatewayClient))
