"""The asynchronous client."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ._async_shell import AsyncShell
from ._core import Core
from ._exchange import LiveSession
from ._identity import Given
from ._making import asked, call_options, make_core, of_tool
from ._options import DEFAULT_ANSWER_BYTES, DEFAULT_BACKOFF_S, DEFAULT_RETRIES, DEFAULT_TIMEOUT_S
from ._result import ApprovalRequest, Identity, LogMessage, Progress, ToolResult
from ._version import CLIENT_NAME, __version__
from .errors import ConfigurationError

if TYPE_CHECKING:
    import httpx
    from typing_extensions import Self

OnProgress = Callable[[Progress], Awaitable[None] | None]
OnApprovalRequested = Callable[[ApprovalRequest], Awaitable[None] | None]
OnRequest = Callable[[str, dict[str, Any]], Any]


class _Operations:
    """What a client and a session have in common."""

    _core: Core
    _shell: AsyncShell

    def _live(self) -> LiveSession | None:
        """The session that operations run in. Raises ConfigurationError where there can be none any more."""
        raise NotImplementedError

    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        idempotent: bool = False,
        wait_for_approval: float | None = None,
        on_approval_requested: OnApprovalRequested | None = None,
        on_progress: OnProgress | None = None,
        meta: Mapping[str, Any] | None = None,
        input_responses: Mapping[str, Any] | None = None,
        request_state: str | None = None,
    ) -> ToolResult:
        """Call a tool. Its own failure is a result with `is_error`; a refusal of the gateway is a GatewayError.

        timeout: seconds for the whole call, repetitions included; None = the client's. idempotent: a call that may have run is
        repeated, too. wait_for_approval: seconds; 0 = off. meta: members of `_meta`. input_responses, request_state: the answers to
        an InputRequiredError.
        """
        call = call_options(
            self._core.options,
            timeout=timeout,
            idempotent=idempotent,
            wait_for_approval=wait_for_approval,
            on_approval_requested=on_approval_requested,
            on_progress=on_progress,
            meta=meta,
        )
        question = of_tool(name, arguments, input_responses, request_state)
        return await self._shell.run(self._core.call_tool(question, call, self._live()))

    async def stream_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        idempotent: bool = False,
        wait_for_approval: float | None = None,
        on_approval_requested: OnApprovalRequested | None = None,
        meta: Mapping[str, Any] | None = None,
        input_responses: Mapping[str, Any] | None = None,
        request_state: str | None = None,
    ) -> AsyncGenerator[Progress | LogMessage | ToolResult, None]:
        """Call a tool and iterate over what it says under way; the last item is the ToolResult.

        To stop early is to cancel the call: leave the loop within `contextlib.aclosing`, or call `aclose()`.
        """
        call = call_options(
            self._core.options,
            timeout=timeout,
            idempotent=idempotent,
            wait_for_approval=wait_for_approval,
            on_approval_requested=on_approval_requested,
            meta=meta,
            streams=True,
        )
        question = of_tool(name, arguments, input_responses, request_state)
        events = self._shell.stream(self._core.stream_tool(question, call, self._live()))
        try:
            async for event in events:
                yield event
        finally:
            await events.aclose()

    async def list_tools(self, *, timeout: float | None = None) -> list[dict[str, Any]]:
        """The tools that this caller may use, every page of them, as on the wire."""
        return await self._list("tools/list", "tools", timeout)

    async def list_resources(self, *, timeout: float | None = None) -> list[dict[str, Any]]:
        """Every page of resources/list, as on the wire."""
        return await self._list("resources/list", "resources", timeout)

    async def list_resource_templates(self, *, timeout: float | None = None) -> list[dict[str, Any]]:
        """Every page of resources/templates/list, as on the wire."""
        return await self._list("resources/templates/list", "resourceTemplates", timeout)

    async def list_prompts(self, *, timeout: float | None = None) -> list[dict[str, Any]]:
        """Every page of prompts/list, as on the wire."""
        return await self._list("prompts/list", "prompts", timeout)

    async def read_resource(
        self,
        uri: str,
        *,
        timeout: float | None = None,
        idempotent: bool = False,
        meta: Mapping[str, Any] | None = None,
        input_responses: Mapping[str, Any] | None = None,
        request_state: str | None = None,
    ) -> dict[str, Any]:
        """The result of resources/read, as on the wire."""
        call = call_options(self._core.options, timeout=timeout, idempotent=idempotent, meta=meta)
        question = asked("resources/read", {"uri": uri}, input_responses, request_state)
        return await self._shell.run(self._core.request(question, call, self._live()))

    async def get_prompt(
        self,
        name: str,
        arguments: Mapping[str, str] | None = None,
        *,
        timeout: float | None = None,
        idempotent: bool = False,
        meta: Mapping[str, Any] | None = None,
        input_responses: Mapping[str, Any] | None = None,
        request_state: str | None = None,
    ) -> dict[str, Any]:
        """The result of prompts/get, as on the wire."""
        call = call_options(self._core.options, timeout=timeout, idempotent=idempotent, meta=meta)
        params = {"name": name} if arguments is None else {"name": name, "arguments": arguments}
        question = asked("prompts/get", params, input_responses, request_state)
        return await self._shell.run(self._core.request(question, call, self._live()))

    async def discover(self, *, timeout: float | None = None) -> dict[str, Any]:
        """What the gateway says of itself: server/discover, which 2026-07-28 alone has."""
        return await self.request("server/discover", timeout=timeout)

    async def ping(self, *, timeout: float | None = None) -> None:
        """Whether the gateway answers: ping, or in 2026-07-28, which has none, server/discover."""
        modern = self._core.options.is_modern and self._live() is None
        await self.request("server/discover" if modern else "ping", timeout=timeout)

    async def request(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        idempotent: bool = False,
        wait_for_approval: float | None = None,
        on_approval_requested: OnApprovalRequested | None = None,
        on_progress: OnProgress | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Any other method; its result, as on the wire."""
        call = call_options(
            self._core.options,
            timeout=timeout,
            idempotent=idempotent,
            wait_for_approval=wait_for_approval,
            on_approval_requested=on_approval_requested,
            on_progress=on_progress,
            meta=meta,
        )
        return await self._shell.run(self._core.request(asked(method, params or {}), call, self._live()))

    async def _list(self, method: str, member: str, timeout: float | None) -> list[dict[str, Any]]:
        return await self._shell.run(self._core.list_all(method, member, call_options(self._core.options, timeout=timeout), self._live()))


class GatewayClient(_Operations):
    """A client of the gateway. One is enough for a program, and may be shared by its tasks.

    Use it as `async with GatewayClient(…) as client:`, or call `aclose()` at the end.
    """

    def __init__(
        self,
        gateway_url: str | None = None,
        spiffe_id: str | None = None,
        *,
        jwt_svid: str | Callable[[], str | Awaitable[str]] | None = None,
        cert_file: str | None = None,
        key_file: str | None = None,
        ca_file: str | None = None,
        workload_api: str | None = None,
        gateway_spiffe_id: str | None = None,
        audience: str | None = None,
        era: str = "auto",
        timeout: float = DEFAULT_TIMEOUT_S,
        max_retries: int = DEFAULT_RETRIES,
        backoff_base: float = DEFAULT_BACKOFF_S,
        wait_for_approval: float | None = None,
        on_approval_requested: OnApprovalRequested | None = None,
        http_client: httpx.AsyncClient | None = None,
        traceparent: str | Callable[[], str | None] | None = None,
        client_name: str = CLIENT_NAME,
        client_version: str = __version__,
        max_answer_bytes: int = DEFAULT_ANSWER_BYTES,
    ) -> None:
        """Every argument may be left out; docs/api.md says what each means. Raises ConfigurationError."""
        given = Given(spiffe_id, jwt_svid, cert_file, key_file, ca_file, workload_api, gateway_spiffe_id, audience)
        self._core = make_core(
            gateway_url=gateway_url,
            given=given,
            has_http_client=http_client is not None,
            era=era,
            timeout=timeout,
            max_retries=max_retries,
            backoff_base=backoff_base,
            wait_for_approval=wait_for_approval,
            on_approval_requested=on_approval_requested,
            traceparent=traceparent,
            client_name=client_name,
            client_version=client_version,
            max_answer_bytes=max_answer_bytes,
        )
        self._shell = AsyncShell(self._core, http_client)
        self._closed = False

    @property
    def identity(self) -> Identity:
        """Which source the identity is taken from; see `ready()` for the Workload API's."""
        return self._core.evidence.identity

    async def ready(self) -> Identity:
        """Fetch the credentials now and not at the first call; then `identity` is complete."""
        self._live()
        await self._shell.run(self._core.evidence.headers())
        return self.identity

    def session(self, *, on_request: OnRequest | None = None, capabilities: Mapping[str, Any] | None = None) -> Session:
        """An MCP session of 2025-11-25: `async with client.session() as session:`.

        on_request: answers what a server asks (method, params) with a result; may be async. NotImplementedError, or None, is -32601.
        capabilities: what the client says it can do; with on_request elicitation, roots and sampling by default.
        """
        return Session(self, on_request, capabilities)

    async def aclose(self) -> None:
        """End the client's own session, and close its connections. An `http_client` of the caller's stays open."""
        if self._closed:
            return
        try:
            await self._shell.close(self._core.close())
        finally:
            self._closed = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._core.options.url.origin}, identity from {self.identity.source})"

    def _live(self) -> LiveSession | None:
        if self._closed:
            raise ConfigurationError("The client is closed.")
        return None


class Session(_Operations):
    """An MCP session of 2025-11-25, with the operations of a client. What it loses is said by SessionExpiredError, never renewed."""

    def __init__(self, client: GatewayClient, on_request: OnRequest | None, capabilities: Mapping[str, Any] | None) -> None:
        self._client = client
        self._core = client._core
        self._shell = client._shell
        self._on_request = on_request
        self._capabilities = capabilities
        self._session: LiveSession | None = None

    @property
    def id(self) -> str | None:
        """What the gateway calls it."""
        return self._live().state.id

    @property
    def initialize_result(self) -> dict[str, Any]:
        """What the gateway said of itself: serverInfo, capabilities, instructions."""
        return self._live().initialized

    async def open(self) -> Self:
        """What `async with` does at its beginning."""
        self._client._live()
        self._session = await self._shell.run(self._core.open_session(self._on_request, self._capabilities))
        return self

    async def aclose(self) -> None:
        """End the session in the gateway."""
        session, self._session = self._session, None
        if session is not None:
            await self._shell.end_session(self._core.end_session(session))

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.aclose()

    def _live(self) -> LiveSession:
        if self._session is None:
            raise ConfigurationError("The session is not open.")
        return self._session
