# A server on FastMCP (Python): python servers/python-fastmcp.py PORT
import asyncio
import sys

from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError

server = FastMCP("precinct-fastmcp")


@server.tool
def add(a: int, b: int) -> int:
    """Adds two numbers"""
    return a + b


@server.tool
def fail() -> str:
    """Fails"""
    raise ToolError("this tool fails")


@server.tool
async def count(steps: int, pause_ms: int, ctx: Context) -> str:
    """Counts, and tells its progress"""
    for step in range(1, steps + 1):
        await asyncio.sleep(pause_ms / 1000)
        await ctx.report_progress(step, steps)
    return f"counted to {steps}"


server.run(transport="http", host="127.0.0.1", port=int(sys.argv[1]), path="/mcp", show_banner=False)
