"""Function tools of the gateway, in an agent of the OpenAI Agents SDK with a scripted model."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

pytest.importorskip("agents", reason="needs openai-agents")

from agents import Agent, FunctionTool, Runner, set_tracing_disabled
from agents.exceptions import UserError
from agents.testing import ModelStep, ScriptedModel, assistant_message, function_call

from mcp_gateway_sdk import CallTimeoutError, DLPViolationError, GatewayClient, TransportError
from mcp_gateway_sdk.integrations.openai_agents import RefusedError, load_tools

from .conftest import ANSWERED, REFUSED, Cut

pytestmark = pytest.mark.filterwarnings("default")
set_tracing_disabled(True)


def scripted(name: str, arguments: dict[str, Any] | str) -> ScriptedModel:
    """Asks for the tool, and then says that it is done."""
    return ScriptedModel([ModelStep([function_call(name, arguments, call_id="call-1")]), ModelStep([assistant_message("done")])])


def run(gateway_url: str, name: str, arguments: dict[str, Any] | str, *, timeout: float = 30, **options: Any) -> tuple[Any, Any]:
    """What the model was told of the call, and its last word."""
    model = scripted(name, arguments)

    async def work() -> Any:
        async with GatewayClient(gateway_url, timeout=timeout) as client:
            tools: list[Any] = [*await load_tools(client, **options)]
            return (await Runner.run(Agent(name="Assistant", model=model, tools=tools), "Use the tool.")).final_output

    said = asyncio.run(work())
    assert model.last_call is not None
    (output,) = [item["output"] for item in model.last_call.input if isinstance(item, dict) and item.get("type") == "function_call_output"]
    return output, said


def test_tools_are_what_the_caller_may_use_with_the_servers_schema(gateway_url: str) -> None:
    async def work() -> tuple[list[dict[str, Any]], list[FunctionTool]]:
        async with GatewayClient(gateway_url) as client:
            return await client.list_tools(), await load_tools(client)

    listed, tools = asyncio.run(work())
    assert [(tool.name, tool.description) for tool in tools] == [(tool["name"], tool["description"]) for tool in listed]
    assert "get-env" not in [tool.name for tool in tools]
    echo = next(tool for tool in tools if tool.name == "echo")
    assert echo.params_json_schema == next(tool for tool in listed if tool["name"] == "echo")["inputSchema"]
    assert not echo.strict_json_schema


def test_an_agent_calls_a_tool(gateway_url: str) -> None:
    assert run(gateway_url, "echo", ANSWERED) == ("Echo: hello from the test", "done")


def test_an_image_is_an_image(gateway_url: str) -> None:
    output, _ = run(gateway_url, "get-tiny-image", {})
    (image,) = [part for part in output if part["type"] == "input_image"]
    assert image["image_url"].startswith("data:image/png;base64,")


def test_a_tools_own_failure_is_told(gateway_url: str) -> None:
    output, said = run(gateway_url, "get-sum", {"a": "no number", "b": 1})
    assert output.startswith("The tool failed: ")
    assert said == "done"


def test_arguments_that_are_no_object_are_told(gateway_url: str) -> None:
    for arguments in ("[1]", "{"):
        try:
            output, _ = run(gateway_url, "echo", arguments)
        except Exception as error:
            pytest.fail(f"{arguments}: {error!r}")
        assert "JSON" in output


def test_a_refusal_is_told_with_code_and_remedy_and_the_run_goes_on(gateway_url: str) -> None:
    output, said = run(gateway_url, "echo", REFUSED)
    assert "dlp_credentials_detected" in output
    assert "What to do: " in output
    assert REFUSED["message"] not in output
    assert said == "done"


def test_a_refusal_is_raised_with_the_typed_error_if_asked_for(gateway_url: str) -> None:
    with pytest.raises(RefusedError) as caught:
        run(gateway_url, "echo", REFUSED, refusals="raise")
    assert isinstance(caught.value.refusal, DLPViolationError)
    assert "dlp_credentials_detected" in str(caught.value)


def test_a_lost_gateway_ends_the_run(gateway_url: str) -> None:
    async def work() -> None:
        way = Cut()
        async with httpx.AsyncClient(transport=way) as http, GatewayClient(gateway_url, http_client=http) as client:
            tools: list[Any] = [*await load_tools(client)]
            way.is_cut = True
            await Runner.run(Agent(name="Assistant", model=scripted("echo", ANSWERED), tools=tools), "Use the tool.")

    with pytest.raises(UserError) as caught:
        asyncio.run(work())
    assert isinstance(caught.value.__cause__, TransportError)


def test_time_that_is_over_ends_the_run(gateway_url: str) -> None:
    with pytest.raises(UserError) as caught:
        run(gateway_url, "trigger-long-running-operation", {"duration": 20, "steps": 2}, timeout=1)
    assert isinstance(caught.value.__cause__, CallTimeoutError)
