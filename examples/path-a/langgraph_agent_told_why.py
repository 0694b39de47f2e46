# As langgraph_agent.py, with two additions: a refusal is told to the model, where the agent's run would end with McpError;
# and all calls are in one MCP session, where each would have its own and a person's approval of one would not count for the next.
#   pip install langgraph langchain langchain-mcp-adapters langchain-openai
#   python langgraph_agent_told_why.py openai:gpt-5 "Say hello with the echo tool."
import asyncio
import os
import sys

from langchain.agents import create_agent
from langchain.messages import ToolMessage
from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.tools import load_mcp_tools
from mcp import McpError

URL = os.environ.get("MCP_URL", "http://localhost:9090")


async def tell_why(request, handler):
    try:
        return await handler(request)
    except McpError as error:
        refusal = error.error.data
        if not isinstance(refusal, dict) or "code" not in refusal:
            raise
        # The message has code and remedy. The data is not for a model: it also says how a call is approved.
        return ToolMessage(f"Refused by the gateway: {error.error.message}", tool_call_id=request.runtime.tool_call_id, status="error")


async def ask(model, question):
    client = MultiServerMCPClient({"tools": {"transport": "streamable_http", "url": URL}})
    async with client.session("tools") as session:
        agent = create_agent(model, await load_mcp_tools(session, tool_interceptors=[tell_why]))
        state = await agent.ainvoke({"messages": [{"role": "user", "content": question}]})
        return state["messages"][-1].text


if __name__ == "__main__":
    print(asyncio.run(ask(sys.argv[1], sys.argv[2])))
