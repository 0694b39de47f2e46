"""A call that a person must approve first: python examples/approval.py tool [arguments as JSON]

It waits up to ten minutes. The approver runs the command that it shows.
"""

from __future__ import annotations

import json
import sys

from mcp_gateway_sdk import ApprovalRequest, ApprovalTimeoutError, StepUpError, SyncGatewayClient


def show(asked: ApprovalRequest) -> None:
    print(f"waiting until {asked.expires_at}; an approver runs: {asked.command}", flush=True)


def main(tool: str, arguments: dict[str, object]) -> int:
    with SyncGatewayClient(on_approval_requested=show) as client:
        try:
            print(client.call_tool(tool, arguments, wait_for_approval=600).text)
        except ApprovalTimeoutError as undecided:
            print(f"nobody has decided {undecided.request_id}")
            return 2
        except StepUpError as refusal:
            print(f"{refusal.code}: {refusal.message}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], json.loads(sys.argv[2] if len(sys.argv) > 2 else "{}")))
