# A server on the official Python SDK: python servers/python-mcp.py PORT
import asyncio
import sys

from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("precinct-mcp")


@server.tool()
def add(a: int, b: int) -> int:
    """Adds two numbers"""
    return a + b


@server.tool()
def fail() -> str:
    """Fails"""
    raise ValueError("this tool fails")


@server.tool()
async def count(steps: int, pause_ms: int, ctx: Context) -> str:
    """Counts, and tells its progress"""
    for step in range(1, steps + 1):
        await asyncio.sleep(pause_ms / 1000)
        await ctx.report_progress(step, steps)
    return f"counted to {steps}"


server.run(transport="streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
