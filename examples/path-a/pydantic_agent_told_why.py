# As pydantic_agent.py, with one addition: a refusal is told to the model with its code and remedy, and as final. Without it the model gets the sentence alone, as a request to try again.
#   pip install 'pydantic-ai-slim[mcp,openai]'
#   python pydantic_agent_told_why.py openai:gpt-5 "Say hello with the echo tool."
import asyncio
import os
import sys

from pydantic_ai import Agent, ModelRetry, ToolFailed
from pydantic_ai.mcp import MCPToolset

URL = os.environ.get("MCP_URL", "http://localhost:9090")


async def tell_why(context, call_tool, name, arguments):
    try:
        return await call_tool(name, arguments)
    except ModelRetry as retry:
        refusal = getattr(getattr(retry.__cause__, "error", None), "data", None)
        if not isinstance(refusal, dict) or "code" not in refusal:
            raise
        raise ToolFailed(f"Refused by the gateway ({refusal['code']}): {refusal['message']} {refusal.get('remediation', '')}") from retry


async def ask(model, question):
    agent = Agent(model, toolsets=[MCPToolset(URL, process_tool_call=tell_why)])
    return (await agent.run(question)).output


if __name__ == "__main__":
    print(asyncio.run(ask(sys.argv[1], sys.argv[2])))
