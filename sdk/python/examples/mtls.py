"""Mutual TLS: python examples/mtls.py https://gateway:9443 [the gateway's SPIFFE ID]

The certificate comes from the SPIFFE Workload API (SPIFFE_ENDPOINT_SOCKET; pip install 'mcp-gateway-sdk[spiffe]'), and is rotated
while the client lives; or from PRECINCT_CERT_FILE, PRECINCT_KEY_FILE and PRECINCT_CA_FILE.
"""

from __future__ import annotations

import asyncio
import sys

from mcp_gateway_sdk import GatewayClient


async def main(url: str, gateway_spiffe_id: str | None) -> None:
    async with GatewayClient(url, gateway_spiffe_id=gateway_spiffe_id) as client:
        identity = await client.ready()
        print(f"I am {identity.spiffe_id} (from {identity.source})")
        for tool in await client.list_tools():
            print(tool["name"])


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None))
