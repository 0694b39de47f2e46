"""What a tool says while it runs: python examples/streaming.py tool [arguments as JSON]

Ctrl-C leaves the stream, and that cancels the call at the tool's server.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys

from mcp_gateway_sdk import GatewayClient, LogMessage, Progress


async def main(tool: str, arguments: dict[str, object]) -> None:
    async with GatewayClient(timeout=300) as client, contextlib.aclosing(client.stream_tool(tool, arguments)) as events:
        async for event in events:
            match event:
                case Progress(progress, total, message):
                    print(f"{progress:g}{'' if total is None else f' of {total:g}'} {message or ''}".rstrip())
                case LogMessage(level, data):
                    print(f"[{level}] {data}")
                case result:
                    print(result.text)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(sys.argv[1], json.loads(sys.argv[2] if len(sys.argv) > 2 else "{}")))
