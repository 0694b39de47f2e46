# As openai_agent.py, with one addition: a refusal is told to the model. Without it the model only learns that an error occurred.
#   pip install openai-agents
#   python openai_agent_told_why.py gpt-5 "Say hello with the echo tool."
import asyncio
import os
import sys

from agents import Agent, Runner, default_tool_error_function
from agents.mcp import MCPServerStreamableHttp

URL = os.environ.get("MCP_URL", "http://localhost:9090")


def tell_why(context, error):
    refusal = getattr(getattr(error, "error", None), "data", None)
    if not isinstance(refusal, dict) or "code" not in refusal:
        return default_tool_error_function(context, error)
    # The message has code and remedy. The data is not for a model: it also says how a call is approved.
    return f"Refused by the gateway: {error.error.message}"


async def ask(model, question):
    async with MCPServerStreamableHttp(params={"url": URL}, failure_error_function=tell_why) as tools:
        agent = Agent(name="Assistant", model=model, mcp_servers=[tools])
        return (await Runner.run(agent, question)).final_output


if __name__ == "__main__":
    print(asyncio.run(ask(sys.argv[1], sys.argv[2])))
