# An agent of the OpenAI Agents SDK with the gateway's tools. Here a refusal ends the run: the program, not the model, decides what to do.
#   pip install 'mcp-gateway-sdk[openai-agents]'
#   python openai_agent.py gpt-5 "Say hello with the echo tool."
import asyncio
import sys
from typing import Any

from agents import Agent, Runner

from mcp_gateway_sdk import GatewayClient
from mcp_gateway_sdk.integrations.openai_agents import RefusedError, load_tools


async def ask(model: Any, question: str) -> str:
    async with GatewayClient() as client:
        agent = Agent(name="Assistant", model=model, tools=[*await load_tools(client, refusals="raise")])
        try:
            return str((await Runner.run(agent, question)).final_output)
        except RefusedError as refused:
            return f"Nothing was done: {refused.refusal}"


if __name__ == "__main__":
    print(asyncio.run(ask(sys.argv[1], sys.argv[2])))
