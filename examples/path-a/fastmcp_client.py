# The FastMCP client with the gateway as its server.
#   pip install fastmcp
#   python fastmcp_client.py echo '{"text": "hello"}'
import asyncio
import json
import os
import sys

from fastmcp import Client

URL = os.environ.get("MCP_URL", "http://localhost:9090")  # the one line that changes: it was the tool server's


async def call(name, arguments):
    async with Client(URL) as client:
        tools = [tool.name for tool in await client.list_tools()]
        result = await client.call_tool(name, arguments)
        return tools, result.content[0].text


if __name__ == "__main__":
    print(*asyncio.run(call(sys.argv[1], json.loads(sys.argv[2]))), sep="\n")
