# A Pydantic-AI agent whose tools come through the gateway.
#   pip install 'pydantic-ai-slim[mcp,openai]'
#   python pydantic_agent.py openai:gpt-5 "Say hello with the echo tool."
import asyncio
import os
import sys

from pydantic_ai import Agent
from pydantic_ai.mcp import MCPToolset

URL = os.environ.get("MCP_URL", "http://localhost:9090")  # the one line that changes: it was the tool server's


async def ask(model, question):
    agent = Agent(model, toolsets=[MCPToolset(URL)])
    return (await agent.run(question)).output


if __name__ == "__main__":
    print(asyncio.run(ask(sys.argv[1], sys.argv[2])))
