"""An MCP session whose tools may ask back: python examples/session.py tool [arguments as JSON]

Answers elicitation at the terminal; everything else a server asks is declined.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from mcp_gateway_sdk import GatewayClient


async def answer(method: str, params: dict[str, Any]) -> dict[str, Any]:
    if method != "elicitation/create":
        raise NotImplementedError
    print(params.get("message", ""))
    wanted = params.get("requestedSchema", {}).get("properties", {})
    content = {name: await asyncio.to_thread(input, f"{name}: ") for name in wanted}
    return {"action": "accept", "content": content}


async def main(tool: str, arguments: dict[str, object]) -> None:
    async with GatewayClient() as client, client.session(on_request=answer, capabilities={"elicitation": {}}) as session:
        print("session", session.id)
        print((await session.call_tool(tool, arguments, timeout=300)).text)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], json.loads(sys.argv[2] if len(sys.argv) > 2 else "{}")))
