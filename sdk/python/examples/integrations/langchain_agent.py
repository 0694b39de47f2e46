# A LangChain agent (LangGraph runs it) with the gateway's tools: a refusal reaches the model with its code and remedy.
#   pip install 'mcp-gateway-sdk[langchain]' langchain langchain-openai
#   python langchain_agent.py openai:gpt-5 "Say hello with the echo tool."
import asyncio
import sys
from typing import Any

from langchain.agents import create_agent

from mcp_gateway_sdk import GatewayClient
from mcp_gateway_sdk.integrations.langchain import load_tools


async def ask(model: Any, question: str) -> str:
    async with GatewayClient() as client:
        agent: Any = create_agent(model, await load_tools(client))
        state = await agent.ainvoke({"messages": [{"role": "user", "content": question}]})
        return str(state["messages"][-1].content)


if __name__ == "__main__":
    print(asyncio.run(ask(sys.argv[1], sys.argv[2])))
