"""The gateway's toolset, in a Pydantic AI agent with a scripted model."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

pytest.importorskip("pydantic_ai", reason="needs pydantic-ai-slim")

from pydantic_ai import Agent
from pydantic_ai.messages import BinaryContent, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.tools import ToolDefinition

from mcp_gateway_sdk import CallTimeoutError, DLPViolationError, GatewayClient, TransportError
from mcp_gateway_sdk.integrations.pydantic_ai import GatewayToolset

from .conftest import ANSWERED, REFUSED, Cut

pytestmark = pytest.mark.filterwarnings("default")


class Scripted:
    """Asks for the tool, and then says that it is done. Keeps what it was offered and told."""

    def __init__(self, name: str, arguments: dict[str, Any], calls: int = 1) -> None:
        self.offered: list[ToolDefinition] = []
        self.told: list[ToolReturnPart] = []
        self.calls = calls
        self.part = (name, arguments)

    def respond(self, messages: list[Any], info: AgentInfo) -> ModelResponse:
        self.offered = info.function_tools
        self.told = [part for message in messages for part in message.parts if isinstance(part, ToolReturnPart)]
        if len(self.told) < self.calls:
            return ModelResponse(parts=[ToolCallPart(*self.part)])
        return ModelResponse(parts=[TextPart("done")])


def run(gateway_url: str, model: Scripted, *, timeout: float = 30, **options: Any) -> str:
    async def work() -> str:
        async with GatewayClient(gateway_url, timeout=timeout) as client:
            return (await Agent(FunctionModel(model.respond), toolsets=[GatewayToolset(client, **options)]).run("Use the tool.")).output

    return asyncio.run(work())


def test_tools_are_what_the_caller_may_use_with_the_servers_schema(gateway_url: str) -> None:
    async def listing() -> list[dict[str, Any]]:
        async with GatewayClient(gateway_url) as client:
            return await client.list_tools()

    listed = asyncio.run(listing())
    model = Scripted("echo", ANSWERED)
    run(gateway_url, model)
    offered = {tool.name: (tool.description, tool.parameters_json_schema) for tool in model.offered}
    assert offered == {tool["name"]: (tool["description"], tool["inputSchema"]) for tool in listed}
    assert "get-env" not in offered


def test_an_agent_calls_a_tool(gateway_url: str) -> None:
    model = Scripted("echo", ANSWERED)
    assert run(gateway_url, model) == "done"
    assert [(part.content, part.outcome) for part in model.told] == [("Echo: hello from the test", "success")]


def test_an_image_is_binary_content(gateway_url: str) -> None:
    model = Scripted("get-tiny-image", {})
    run(gateway_url, model)
    content: Any = model.told[0].content
    (image,) = [part for part in content if isinstance(part, BinaryContent)]
    assert (image.media_type, image.data[1:4]) == ("image/png", b"PNG")


def test_a_tools_own_failure_is_told_and_costs_no_retry(gateway_url: str) -> None:
    model = Scripted("get-sum", {"a": "no number", "b": 1}, calls=4)
    assert run(gateway_url, model) == "done"
    assert [part.outcome for part in model.told] == ["failed"] * 4


def test_a_refusal_is_told_with_code_and_remedy_and_costs_no_retry(gateway_url: str) -> None:
    model = Scripted("echo", REFUSED, calls=4)
    assert run(gateway_url, model) == "done"
    assert [part.outcome for part in model.told] == ["failed"] * 4
    told = model.told[0].model_response_str()
    assert "dlp_credentials_detected" in told
    assert "What to do: " in told
    assert REFUSED["message"] not in told


def test_a_refusal_is_raised_as_the_typed_error_if_asked_for(gateway_url: str) -> None:
    with pytest.raises(DLPViolationError) as caught:
        run(gateway_url, Scripted("echo", REFUSED), refusals="raise")
    assert (caught.value.code, caught.value.step) == ("dlp_credentials_detected", 7)


def test_a_lost_gateway_is_raised_not_told(gateway_url: str) -> None:
    way = Cut()
    script = Scripted("echo", ANSWERED)

    def cutting(messages: list[Any], info: AgentInfo) -> ModelResponse:
        way.is_cut = True
        return script.respond(messages, info)

    async def work() -> None:
        async with httpx.AsyncClient(transport=way) as http, GatewayClient(gateway_url, http_client=http) as client:
            await Agent(FunctionModel(cutting), toolsets=[GatewayToolset(client)]).run("Use the tool.")

    with pytest.raises(TransportError):
        asyncio.run(work())


def test_time_that_is_over_is_raised_not_told(gateway_url: str) -> None:
    with pytest.raises(CallTimeoutError):
        run(gateway_url, Scripted("trigger-long-running-operation", {"duration": 20, "steps": 2}), timeout=1)


def test_tools_are_listed_before_each_step(gateway_url: str) -> None:
    way = Cut()

    async def work() -> None:
        async with httpx.AsyncClient(transport=way) as http, GatewayClient(gateway_url, http_client=http) as client:
            await Agent(FunctionModel(Scripted("echo", ANSWERED).respond), toolsets=[GatewayToolset(client)]).run("Use the tool.")

    asyncio.run(work())
    assert way.methods == ["tools/list", "tools/call", "tools/list"]


def test_toolsets_have_the_frameworks_own_ways(gateway_url: str) -> None:
    """Filtered, prefixed and named."""
    model = Scripted("gateway_echo", ANSWERED)

    async def work() -> str:
        async with GatewayClient(gateway_url) as client:
            toolset: Any = GatewayToolset(client, id="gateway")
            assert toolset.id == "gateway"
            only = toolset.filtered(lambda _context, tool: tool.name == "echo").prefixed("gateway")
            return (await Agent(FunctionModel(model.respond), toolsets=[only]).run("Use the tool.")).output

    assert asyncio.run(work()) == "done"
    assert [tool.name for tool in model.offered] == ["gateway_echo"]
