"""LangChain and LangGraph: `tools = await load_tools(client)`, `create_agent(model, tools)`.

Needs langchain-core: `pip install 'mcp-gateway-sdk[langchain]'`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.tools import StructuredTool, ToolException

from .._result import ToolResult
from ..client import GatewayClient, Session
from ..errors import GatewayError, ProtocolError
from ..sync_client import SyncGatewayClient, SyncSession
from ._told import REFUSED, Refusals, answer_text, block_text, description, input_schema, read_refusals, refusal_text

__all__ = ["GatewayTool", "RefusedException", "ToolFailedException", "load_tools", "load_tools_sync"]


class RefusedException(ToolException):
    """A refusal on its way to the model. `refusal` is the typed error."""

    def __init__(self, refusal: GatewayError | ProtocolError) -> None:
        self.refusal = refusal
        super().__init__(refusal_text(refusal))


class ToolFailedException(ToolException):
    """A tool's own failure on its way to the model."""

    def __init__(self, result: ToolResult) -> None:
        self.result = result
        super().__init__(answer_text(result))


class GatewayTool(StructuredTool):
    """A tool behind the gateway. The ToolMessage's artifact is the ToolResult."""

    # LangChain passes its own `config` and `run_manager` to a `_run` that names them, in place of the tool's arguments of these names.
    def _run(self, /, *args: Any, **arguments: Any) -> Any:
        if self.func is None:
            raise NotImplementedError(f"{self.name} is asynchronous: use ainvoke, or load_tools_sync with a SyncGatewayClient.")
        return self.func(arguments)

    async def _arun(self, /, *args: Any, **arguments: Any) -> Any:
        if self.coroutine is None:
            raise NotImplementedError(f"{self.name} is synchronous.")  # ainvoke takes a thread for these
        return await self.coroutine(arguments)


async def load_tools(client: GatewayClient | Session, *, refusals: Refusals = "tell") -> list[GatewayTool]:
    """The tools that this caller may use, as they are now: a tool that policy forbids is not among them.

    refusals: "tell" gives the model a ToolMessage with status "error" that has code, reason and remedy; "raise" ends the run with the
    GatewayError. Whether or not, a tool's own failure goes to the model, and TransportError and CallTimeoutError are raised.
    """
    is_told = read_refusals(refusals)

    def made(tool: Mapping[str, Any]) -> GatewayTool:
        async def call(arguments: Mapping[str, Any]) -> tuple[Any, ToolResult]:
            try:
                result = await client.call_tool(tool["name"], arguments)
            except REFUSED as refusal:
                if is_told(refusal):
                    raise RefusedException(refusal) from refusal
                raise
            return _given(result)

        return _tool(tool, coroutine=call)

    return [made(tool) for tool in await client.list_tools()]


def load_tools_sync(client: SyncGatewayClient | SyncSession, *, refusals: Refusals = "tell") -> list[GatewayTool]:
    """As load_tools, for `invoke`."""
    is_told = read_refusals(refusals)

    def made(tool: Mapping[str, Any]) -> GatewayTool:
        def call(arguments: Mapping[str, Any]) -> tuple[Any, ToolResult]:
            try:
                result = client.call_tool(tool["name"], arguments)
            except REFUSED as refusal:
                if is_told(refusal):
                    raise RefusedException(refusal) from refusal
                raise
            return _given(result)

        return _tool(tool, func=call)

    return [made(tool) for tool in client.list_tools()]


def _tool(tool: Mapping[str, Any], **called: Any) -> GatewayTool:
    return GatewayTool(
        name=tool["name"],
        description=description(tool),
        args_schema=input_schema(tool),
        response_format="content_and_artifact",
        handle_tool_error=True,
        **called,
    )


def _given(result: ToolResult) -> tuple[Any, ToolResult]:
    """Content and artifact."""
    if result.is_error:
        raise ToolFailedException(result)
    if all(block.get("type") == "text" for block in result.content):
        return answer_text(result), result
    return [_block(block) for block in result.content], result


def _block(block: Mapping[str, Any]) -> dict[str, Any]:
    if block.get("type") == "image":
        return {"type": "image", "base64": block.get("data"), "mime_type": block.get("mimeType")}
    return {"type": "text", "text": block_text(block)}
