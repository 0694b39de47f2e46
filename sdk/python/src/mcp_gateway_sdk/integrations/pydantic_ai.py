"""Pydantic AI: `Agent(…, toolsets=[GatewayToolset(client)])`.

Needs pydantic-ai-slim: `pip install 'mcp-gateway-sdk[pydantic-ai]'`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from pydantic_ai import RunContext, ToolFailed
from pydantic_ai.messages import BinaryContent
from pydantic_ai.tools import AgentDepsT, ToolDefinition
from pydantic_ai.toolsets import AbstractToolset, ToolsetTool
from pydantic_core import SchemaValidator, core_schema

from .._result import ToolResult
from ..client import GatewayClient, Session
from ._told import REFUSED, Refusals, answer_text, block_text, description, input_schema, read_refusals, refusal_text

__all__ = ["GatewayToolset"]

# The gateway and the tool server check the arguments; here they only have to be an object.
_ANY_OBJECT = SchemaValidator(core_schema.dict_schema(core_schema.str_schema(), core_schema.any_schema()))


class GatewayToolset(AbstractToolset[AgentDepsT]):
    """The tools that the client's caller may use.

    They are listed before each step of a run, so that what policy allows or forbids meanwhile comes or goes.

    refusals: "tell" gives the model the code, the reason and the remedy as a failed tool return (ToolFailed), which costs no retry;
    "raise" ends the run with the GatewayError. Whether or not, a tool's own failure goes to the model, and TransportError and
    CallTimeoutError are raised.
    """

    def __init__(self, client: GatewayClient | Session, *, refusals: Refusals = "tell", id: str | None = None) -> None:
        self._client = client
        self._is_told = read_refusals(refusals)
        self._id = id

    @property
    def id(self) -> str | None:
        return self._id

    async def get_tools(self, ctx: RunContext[AgentDepsT]) -> dict[str, ToolsetTool[AgentDepsT]]:
        return {tool["name"]: self._tool(tool, ctx.max_retries) for tool in await self._client.list_tools()}

    def _tool(self, tool: Mapping[str, Any], max_retries: int) -> ToolsetTool[AgentDepsT]:
        definition = ToolDefinition(name=tool["name"], description=description(tool), parameters_json_schema=input_schema(tool))
        return ToolsetTool(toolset=self, tool_def=definition, max_retries=max_retries, args_validator=_ANY_OBJECT)

    async def call_tool(self, name: str, tool_args: dict[str, Any], ctx: RunContext[AgentDepsT], tool: ToolsetTool[AgentDepsT]) -> Any:
        try:
            result = await self._client.call_tool(name, tool_args)
        except REFUSED as refusal:
            if self._is_told(refusal):
                raise ToolFailed(refusal_text(refusal)) from refusal
            raise
        if result.is_error:
            raise ToolFailed(answer_text(result))
        return _returned(result)


def _returned(result: ToolResult) -> Any:
    if all(block.get("type") == "text" for block in result.content):
        return answer_text(result)
    return [_block(block) for block in result.content]


def _block(block: Mapping[str, Any]) -> str | BinaryContent:
    data, media_type = block.get("data"), block.get("mimeType")
    if block.get("type") in ("image", "audio") and isinstance(data, str) and isinstance(media_type, str):
        try:
            return BinaryContent(data=base64.b64decode(data, validate=True), media_type=media_type)
        except binascii.Error:
            pass
    return block_text(block)
