"""The wait for a person, on a clock of the test's own."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_gateway_sdk import ApprovalRequest, ApprovalTimeoutError, AuthorizationError, StepUpError

from .support.clients import HandClock, Kind, ask, perform
from .support.loopback import Loopback, Request, Script, result_for
from .support.refusals import refuse


def pending(request_id: str = "apr-1", headers: dict[str, str] | None = None) -> Script:
    details = {"request_id": request_id, "command": f"agw approvals approve {request_id}", "expires_at": "2099-01-01T00:00:00.000Z"}
    return refuse("stepup_approval_required", "in_band", headers={"retry-after": "5"} if headers is None else headers, details=details)


def fine(request: Request) -> None:
    request.connection.json(200, result_for(request))


def called(kind: Kind, server: Loopback, scripts: list[Script], clock: HandClock, *, operation: str = "call_tool", **options: Any) -> Any:
    server.scripts = scripts
    return perform(kind, {"gateway_url": server.url}, ask(operation, "t", {"b": 1, "a": 2}, **options), clock=clock)[0]


def test_nobody_waits_unless_it_is_wanted(kind: Kind, server: Loopback) -> None:
    with pytest.raises(StepUpError) as raised:
        called(kind, server, [pending()], HandClock())
    assert type(raised.value) is StepUpError
    assert (raised.value.request_id, raised.value.retry_after) == ("apr-1", 5)


def test_the_identical_call_is_repeated_until_it_passes(kind: Kind, server: Loopback) -> None:
    asked: list[ApprovalRequest] = []
    clock = HandClock()
    result = called(kind, server, [pending(), pending(), fine], clock, wait_for_approval=100, on_approval_requested=asked.append)
    assert result.text == "fine"
    assert clock.slept == [5, 5]
    assert asked == [ApprovalRequest("apr-1", "agw approvals approve apr-1", "2099-01-01T00:00:00.000Z")]
    assert len({request.body.replace(f'"id":{request.id}'.encode(), b"") for request in server.seen}) == 1


def test_who_streams_waits_too(kind: Kind, server: Loopback) -> None:
    items = called(kind, server, [pending(), fine], HandClock(), operation="stream_tool", wait_for_approval=100)
    assert [item.text for item in items] == ["fine"]


def test_a_client_may_wait_for_all_its_calls_and_one_call_not(kind: Kind, server: Loopback) -> None:
    asked: list[ApprovalRequest] = []
    options = {"gateway_url": server.url, "wait_for_approval": 100, "on_approval_requested": asked.append}
    server.scripts = [pending(), fine]
    assert perform(kind, options, ask("call_tool", "t"), clock=HandClock())[0].text == "fine"
    server.scripts = [pending()]
    with pytest.raises(StepUpError):
        perform(kind, options, ask("call_tool", "t", wait_for_approval=0), clock=HandClock())
    assert len(asked) == 1


def test_a_denial_ends_it(kind: Kind, server: Loopback) -> None:
    with pytest.raises(StepUpError) as raised:
        called(kind, server, [pending(), refuse("stepup_denied", "in_band")], HandClock(), wait_for_approval=100)
    assert raised.value.code == "stepup_denied"


def test_any_other_refusal_ends_it(kind: Kind, server: Loopback) -> None:
    with pytest.raises(AuthorizationError):
        called(kind, server, [pending(), refuse("authz_policy_denied")], HandClock(), wait_for_approval=100)


def test_an_overloaded_gateway_does_not(kind: Kind, server: Loopback) -> None:
    clock = HandClock(chance=0.5)
    assert called(kind, server, [pending(), refuse("gateway_overloaded"), pending(), fine], clock, wait_for_approval=100).text == "fine"
    assert clock.slept == [5, 0.5, 5]


def test_another_requests_id_means_that_this_one_ended_undecided(kind: Kind, server: Loopback) -> None:
    with pytest.raises(StepUpError) as raised:
        called(kind, server, [pending("apr-1"), pending("apr-2"), fine], HandClock(), wait_for_approval=100)
    assert raised.value.request_id == "apr-2"
    assert len(server.seen) == 2


def test_the_wait_has_an_end_and_is_used_to_it(kind: Kind, server: Loopback) -> None:
    clock = HandClock()
    with pytest.raises(ApprovalTimeoutError) as raised:
        called(kind, server, [pending()] * 9, clock, wait_for_approval=12)
    assert clock.slept == [5, 5, 2]
    found = raised.value
    assert (found.code, found.request_id, found.command) == ("stepup_approval_required", "apr-1", "agw approvals approve apr-1")
    assert found.expires_at == "2099-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("headers", "slept"), [({"retry-after": "2"}, 2), ({}, 5), ({"retry-after": "900"}, 60), ({"retry-after": "0"}, 0.1)]
)
def test_it_comes_again_when_the_gateway_says_within_bounds_or_after_five_seconds(
    server: Loopback, headers: dict[str, str], slept: float
) -> None:
    clock = HandClock()
    called("sync", server, [pending(headers=headers), fine], clock, wait_for_approval=100)
    assert clock.slept == [slept]


def test_each_repetition_has_the_calls_whole_time(kind: Kind, server: Loopback) -> None:
    """A person takes longer than a call."""
    clock = HandClock()
    assert called(kind, server, [pending()] * 5 + [fine], clock, wait_for_approval=100, timeout=7).text == "fine"
    assert sum(clock.slept) == 25
