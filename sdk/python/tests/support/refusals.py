"""Refusals as the gateway writes them."""

from __future__ import annotations

from typing import Any

from mcp_gateway_sdk._codes import CODES

from .loopback import Request, Script

DECISION = "0198f7c2-1111-7aaa-8bbb-222233334444"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SHAPES = ("flat", "status", "in_band", "stream")


def envelope(code: str, **members: Any) -> dict[str, Any]:
    row = CODES.get(code)
    step, middleware = (row.step, row.middleware) if row is not None else (members.pop("step"), "new_layer")
    return {
        "code": code, "message": "Refused.", "middleware": middleware, "middleware_step": step, "decision_id": DECISION, "trace_id": TRACE,
        "remediation": "Do otherwise.", **members,
    }  # fmt: skip


def refuse(code: str, shape: str = "status", *, status: int | None = None, headers: dict[str, str] | None = None, **members: Any) -> Script:
    body = envelope(code, **members)
    row = CODES.get(code)
    number = status if status is not None else row.status if row is not None else 403

    def script(request: Request) -> None:
        message = {"jsonrpc": "2.0", "id": request.id, "error": {"code": number, "message": body["message"], "data": body}}
        match shape:
            case "flat":
                request.connection.json(number, {**message, **body}, headers)
            case "status":
                request.connection.json(number, message, headers)
            case "in_band":
                request.connection.json(200, message, headers)
            case "stream":
                request.connection.stream(headers)
                request.connection.event(message)
                request.connection.end()

    return script


def error(rpc_code: int, message: str, data: Any = None, status: int = 200) -> Script:
    return lambda request: request.connection.json(
        status,
        {"jsonrpc": "2.0", "id": request.id, "error": {"code": rpc_code, "message": message, **({} if data is None else {"data": data})}},
    )
