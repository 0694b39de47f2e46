"""The first call: python examples/hello.py [tool] [arguments as JSON]

The gateway is PRECINCT_GATEWAY_URL, else http://localhost:9090.
"""

from __future__ import annotations

import asyncio
import json
import sys

from mcp_gateway_sdk import GatewayClient, GatewayError


async def main(tool: str, arguments: dict[str, object]) -> int:
    async with GatewayClient() as client:
        print("tools:", ", ".join(each["name"] for each in await client.list_tools()))
        try:
            result = await client.call_tool(tool, arguments)
        except GatewayError as refusal:
            print(f"refused at step {refusal.step}: {refusal.code}; {refusal.remediation}")
            return 1
        print(result.text)
        return 1 if result.is_error else 0


if __name__ == "__main__":
    words = dict(enumerate(sys.argv[1:]))
    sys.exit(asyncio.run(main(words.get(0, "echo"), json.loads(words.get(1, '{"text": "hello"}')))))
