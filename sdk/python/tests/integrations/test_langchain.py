"""LangChain tools of the gateway, in an agent with a scripted model."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

pytest.importorskip("langchain", reason="needs langchain, which brings langgraph")

from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, ToolMessage

from mcp_gateway_sdk import CallTimeoutError, DLPViolationError, GatewayClient, SyncGatewayClient, ToolResult, TransportError
from mcp_gateway_sdk.integrations.langchain import GatewayTool, RefusedException, load_tools, load_tools_sync

from .conftest import ANSWERED, REFUSED, Cut

pytestmark = pytest.mark.filterwarnings("default")


class Scripted(GenericFakeChatModel):
    """Asks for the tool, and then says that it is done."""

    def bind_tools(self, tools: Any, **_: Any) -> Any:
        return self


def scripted(name: str, arguments: dict[str, Any]) -> Scripted:
    return Scripted(
        messages=iter([AIMessage(content="", tool_calls=[{"name": name, "args": arguments, "id": "call-1"}]), AIMessage(content="done")])
    )


def told(state: dict[str, Any]) -> ToolMessage:
    (message,) = [one for one in state["messages"] if isinstance(one, ToolMessage)]
    return message


def run(gateway_url: str, name: str, arguments: dict[str, Any], **options: Any) -> dict[str, Any]:
    async def agent() -> dict[str, Any]:
        async with GatewayClient(gateway_url) as client:
            made: Any = create_agent(scripted(name, arguments), await load_tools(client, **options))
            return dict(await made.ainvoke({"messages": [{"role": "user", "content": "Use the tool."}]}))

    return asyncio.run(agent())


def test_tools_are_what_the_caller_may_use_with_the_servers_schema(gateway_url: str) -> None:
    async def work() -> tuple[list[dict[str, Any]], list[GatewayTool]]:
        async with GatewayClient(gateway_url) as client:
            return await client.list_tools(), await load_tools(client)

    listed, tools = asyncio.run(work())
    assert [(tool.name, tool.description) for tool in tools] == [(tool["name"], tool["description"]) for tool in listed]
    assert "get-env" not in [tool.name for tool in tools]
    echo = next(tool for tool in tools if tool.name == "echo")
    assert echo.args_schema == next(tool for tool in listed if tool["name"] == "echo")["inputSchema"]
    assert list(echo.args) == ["message"]


def test_an_agent_calls_a_tool(gateway_url: str) -> None:
    state = run(gateway_url, "echo", ANSWERED)
    message = told(state)
    assert (message.content, message.status, state["messages"][-1].content) == ("Echo: hello from the test", "success", "done")
    assert isinstance(message.artifact, ToolResult)
    assert len(message.artifact.trace_id) == 32


def test_an_image_is_an_image(gateway_url: str) -> None:
    blocks = told(run(gateway_url, "get-tiny-image", {})).content
    assert [(block["type"], block.get("mime_type")) for block in blocks if isinstance(block, dict) and block["type"] == "image"] == [
        ("image", "image/png")
    ]


def test_a_tools_own_failure_is_told(gateway_url: str) -> None:
    message = told(run(gateway_url, "get-sum", {"a": "no number", "b": 1}))
    assert message.status == "error"
    assert "number" in str(message.content)


def test_a_refusal_is_told_with_code_and_remedy_and_the_run_goes_on(gateway_url: str) -> None:
    state = run(gateway_url, "echo", REFUSED)
    message = told(state)
    assert (message.status, state["messages"][-1].content) == ("error", "done")
    assert "dlp_credentials_detected" in str(message.content)
    assert "What to do: " in str(message.content)
    assert REFUSED["message"] not in str(message.content)


def test_a_refusal_is_raised_as_the_typed_error_if_asked_for(gateway_url: str) -> None:
    with pytest.raises(DLPViolationError) as caught:
        run(gateway_url, "echo", REFUSED, refusals="raise")
    assert (caught.value.code, caught.value.step) == ("dlp_credentials_detected", 7)


def test_a_lost_gateway_is_raised_not_told(gateway_url: str) -> None:
    async def work() -> None:
        way = Cut()
        async with httpx.AsyncClient(transport=way) as http, GatewayClient(gateway_url, http_client=http) as client:
            tools = await load_tools(client)
            way.is_cut = True
            await next(tool for tool in tools if tool.name == "echo").ainvoke(ANSWERED)

    with pytest.raises(TransportError):
        asyncio.run(work())


def test_time_that_is_over_is_raised_not_told(gateway_url: str) -> None:
    async def work() -> None:
        async with GatewayClient(gateway_url, timeout=1) as client:
            tools = await load_tools(client)
            await next(tool for tool in tools if tool.name == "trigger-long-running-operation").ainvoke({"duration": 20, "steps": 2})

    with pytest.raises(CallTimeoutError):
        asyncio.run(work())


def test_the_synchronous_client_serves_invoke(gateway_url: str) -> None:
    with SyncGatewayClient(gateway_url) as client:
        made: Any = create_agent(scripted("echo", ANSWERED), load_tools_sync(client))
        assert told(made.invoke({"messages": [{"role": "user", "content": "Use the tool."}]})).content == "Echo: hello from the test"
        made = create_agent(scripted("echo", REFUSED), load_tools_sync(client))
        assert told(made.invoke({"messages": [{"role": "user", "content": "Use the tool."}]})).status == "error"
        tools = load_tools_sync(client, refusals="raise")
        with pytest.raises(DLPViolationError):
            next(tool for tool in tools if tool.name == "echo").invoke(REFUSED)


def test_arguments_of_any_name_reach_the_tool() -> None:
    names = ("config", "run_manager", "self", "args", "kwargs", "callbacks", "input")
    seen: list[dict[str, Any]] = []

    async def call(arguments: dict[str, Any]) -> tuple[str, None]:
        seen.append(arguments)
        return "", None

    def called(arguments: dict[str, Any]) -> tuple[str, None]:
        seen.append(arguments)
        return "", None

    schema = {"type": "object", "properties": {name: {} for name in names}}
    tool = GatewayTool(name="t", description="", args_schema=schema, response_format="content_and_artifact", coroutine=call, func=called)
    arguments = dict.fromkeys(names, 1)
    asyncio.run(tool.ainvoke(dict(arguments)))
    tool.invoke(dict(arguments))
    assert seen == [arguments, arguments]


def test_an_asynchronous_tool_says_so_to_invoke(gateway_url: str) -> None:
    async def work() -> list[GatewayTool]:
        async with GatewayClient(gateway_url) as client:
            return await load_tools(client)

    with pytest.raises(NotImplementedError, match="load_tools_sync"):
        asyncio.run(work())[0].invoke(ANSWERED)


def test_the_refusal_is_with_the_exception() -> None:
    refusal = DLPViolationError("dlp_credentials_detected", "The request holds a credential.")
    assert RefusedException(refusal).refusal is refusal
