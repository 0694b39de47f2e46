"""The OpenAI Agents SDK: `Agent(…, tools=await load_tools(client))`.

Needs openai-agents: `pip install 'mcp-gateway-sdk[openai-agents]'`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from agents import FunctionTool, ToolOutputImage, ToolOutputText
from agents.exceptions import AgentsException
from agents.tool_context import ToolContext

from .._result import ToolResult
from ..client import GatewayClient, Session
from ..errors import GatewayError, ProtocolError
from ._told import REFUSED, Refusals, answer_text, block_text, description, input_schema, read_refusals, refusal_text

__all__ = ["RefusedError", "load_tools"]


class RefusedError(AgentsException):
    """Ends the run where refusals are raised. `refusal` is the typed error; the SDK would wrap any other exception in its UserError."""

    def __init__(self, refusal: GatewayError | ProtocolError) -> None:
        self.refusal = refusal
        super().__init__(str(refusal))


async def load_tools(client: GatewayClient | Session, *, refusals: Refusals = "tell") -> list[FunctionTool]:
    """The tools that this caller may use, as they are now: a tool that policy forbids is not among them.

    refusals: "tell" gives the model the code, the reason and the remedy as the tool's output; "raise" ends the run with RefusedError.
    Whether or not, a tool's own failure goes to the model, and TransportError and CallTimeoutError end the run, as the cause of a
    UserError.
    """
    is_told = read_refusals(refusals)

    def made(tool: Mapping[str, Any]) -> FunctionTool:
        async def call(_context: ToolContext[Any], arguments: str) -> Any:
            members = _members(arguments)
            if members is None:
                return "The arguments are not a JSON object."
            try:
                return _output(await client.call_tool(tool["name"], members))
            except REFUSED as refusal:
                if is_told(refusal):
                    return refusal_text(refusal)
                raise RefusedError(refusal) from refusal

        # Not strict: the schema is the tool server's, and the gateway has its hash.
        return FunctionTool(
            name=tool["name"],
            description=description(tool),
            params_json_schema=input_schema(tool),
            on_invoke_tool=call,
            strict_json_schema=False,
        )

    return [made(tool) for tool in await client.list_tools()]


def _members(arguments: str) -> dict[str, Any] | None:
    try:
        found = json.loads(arguments or "{}")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _output(result: ToolResult) -> Any:
    if result.is_error:
        return f"The tool failed: {answer_text(result)}"
    if all(block.get("type") == "text" for block in result.content):
        return answer_text(result)
    return [_block(block) for block in result.content]


def _block(block: Mapping[str, Any]) -> ToolOutputText | ToolOutputImage:
    if block.get("type") == "image":
        return ToolOutputImage(image_url=f"data:{block.get('mimeType')};base64,{block.get('data')}")
    return ToolOutputText(text=block_text(block))
