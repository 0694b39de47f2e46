# A LangGraph agent whose tools come through the gateway.
#   pip install langgraph langchain langchain-mcp-adapters langchain-openai
#   python langgraph_agent.py openai:gpt-5 "Say hello with the echo tool."
import asyncio
import os
import sys

from langchain.agents import create_agent
from langchain_mcp_adapters.client import MultiServerMCPClient

URL = os.environ.get("MCP_URL", "http://localhost:9090")  # the one line that changes: it was the tool server's


async def ask(model, question):
    client = MultiServerMCPClient({"tools": {"transport": "streamable_http", "url": URL}})
    agent = create_agent(model, await client.get_tools())
    state = await agent.ainvoke({"messages": [{"role": "user", "content": question}]})
    return state["messages"][-1].text


if __name__ == "__main__":
    print(asyncio.run(ask(sys.argv[1], sys.argv[2])))
