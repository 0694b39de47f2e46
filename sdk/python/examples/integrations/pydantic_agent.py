# A Pydantic AI agent with the gateway's tools: a refusal reaches the model with its code and remedy, and is final.
#   pip install 'mcp-gateway-sdk[pydantic-ai]' 'pydantic-ai-slim[openai]'
#   python pydantic_agent.py openai:gpt-5 "Say hello with the echo tool."
import asyncio
import sys
from typing import Any

from pydantic_ai import Agent

from mcp_gateway_sdk import GatewayClient
from mcp_gateway_sdk.integrations.pydantic_ai import GatewayToolset


async def ask(model: Any, question: str) -> str:
    async with GatewayClient() as client:
        toolset: GatewayToolset[None] = GatewayToolset(client)
        return (await Agent(model, toolsets=[toolset]).run(question)).output


if __name__ == "__main__":
    print(asyncio.run(ask(sys.argv[1], sys.argv[2])))
