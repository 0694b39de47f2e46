# An agent of the OpenAI Agents SDK whose tools come through the gateway.
#   pip install openai-agents
#   python openai_agent.py gpt-5 "Say hello with the echo tool."
import asyncio
import os
import sys

from agents import Agent, Runner
from agents.mcp import MCPServerStreamableHttp

URL = os.environ.get("MCP_URL", "http://localhost:9090")  # the one line that changes: it was the tool server's


async def ask(model, question):
    async with MCPServerStreamableHttp(params={"url": URL}) as tools:
        agent = Agent(name="Assistant", model=model, mcp_servers=[tools])
        return (await Runner.run(agent, question)).final_output


if __name__ == "__main__":
    print(asyncio.run(ask(sys.argv[1], sys.argv[2])))
