# The Python clients: python clients/python.py URL mcp|mcp-legacy|mcp-sse|fastmcp. Prints one line of JSON: try → "yes", or why not.
import asyncio
import json
import sys

REFUSED = "get-env"
SLOW = "trigger-long-running-operation"


async def outcome(attempt):
    try:
        seen = await attempt()
        return "yes" if seen is True else f"no: {seen}"
    except Exception as error:
        return f"no: {type(error).__name__}: {str(error).splitlines()[0][:160] if str(error) else ''}"


async def tries(list_tools, call):
    """`call` takes a name, arguments and what is told of each step."""

    async def nothing(*_):
        return None

    async def listed():
        names = [tool.name for tool in await list_tools()]
        return "echo" in names or f"{len(names)} tools, and echo is not one"

    async def called():
        text = str(await call("echo", {"message": "hello from the table"}, nothing))
        return "hello from the table" in text or text[:160]

    async def refused():
        try:
            await call(REFUSED, {}, nothing)
        except Exception as error:
            data = getattr(getattr(error, "error", error), "data", None)
            return (isinstance(data, dict) and data.get("code") == "authz_policy_denied") or f"{type(error).__name__} without the code: {str(error)[:120]}"
        return "an answer"

    async def progressed():
        steps = []

        async def step(progress, *_):
            steps.append(progress)

        await call(SLOW, {"duration": 0.6, "steps": 3}, step)
        return len(steps) >= 3 or f"{len(steps)} steps"

    async def cancelled():
        begun = asyncio.Event()

        async def step(*_):
            begun.set()

        task = asyncio.create_task(call(SLOW, {"duration": 20, "steps": 40}, step))
        await asyncio.wait_for(begun.wait(), 10)
        task.cancel()
        try:
            await task
            return "it went on to its end"
        except asyncio.CancelledError:
            pass
        return await called()

    return {
        "list": await outcome(listed),
        "call": await outcome(called),
        "error": await outcome(refused),
        "progress": await outcome(progressed),
        "cancel": await outcome(cancelled),
    }


async def with_mcp(server, mode):
    from mcp.client.client import Client

    async with Client(server, mode=mode) as client:

        async def list_tools():
            return (await client.list_tools()).tools

        async def call(name, arguments, step):
            return await client.call_tool(name, arguments, progress_callback=step)

        return await tries(list_tools, call)


async def with_mcp_over_sse(url):
    from mcp.client.sse import sse_client

    return await with_mcp(sse_client(url), "legacy")


async def with_fastmcp(url):
    from fastmcp import Client

    async with Client(url) as client:

        async def call(name, arguments, step):
            return await client.call_tool(name, arguments, progress_handler=step)

        return await tries(client.list_tools, call)


async def main():
    _, url, which = sys.argv
    if which == "fastmcp":
        made = with_fastmcp(url)
    elif which == "mcp-sse":
        made = with_mcp_over_sse(url)
    else:
        made = with_mcp(url, "legacy" if which == "mcp-legacy" else "auto")
    print(json.dumps(await made))


asyncio.run(main())
