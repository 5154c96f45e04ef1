"""What answers of brokers mean: the specification's table."""

import pytest

from chalicelib.core.osb import (
    AGAIN,
    BIND,
    DEPROVISION,
    DONE,
    FAILED,
    GOES_ON,
    PROVISION,
    UNBIND,
    UPDATE,
    Reply,
    after_call,
    after_fetch,
    after_poll,
)


@pytest.mark.parametrize(
    ("verb", "reply", "state", "orphan"),
    [
        (PROVISION, Reply(200, {}), DONE, False),
        (PROVISION, Reply(201, {"dashboard_url": "https://x"}), DONE, False),
        (PROVISION, Reply(202, {}), GOES_ON, False),
        (PROVISION, Reply(200, None), FAILED, False),
        (PROVISION, Reply(201, None), FAILED, True),
        (PROVISION, Reply(202, None), FAILED, True),
        (PROVISION, Reply(202, {"operation": "x" * 10_001}), FAILED, True),
        (PROVISION, Reply(204, None), FAILED, True),
        (PROVISION, Reply(301, None), FAILED, True),
        (PROVISION, Reply(400, {}), FAILED, False),
        (PROVISION, Reply(401, None), FAILED, False),
        (PROVISION, Reply(408, {}), FAILED, True),
        (PROVISION, Reply(409, {}), FAILED, False),
        (PROVISION, Reply(410, {}), FAILED, False),
        (PROVISION, Reply(422, {"error": "ConcurrencyError"}), AGAIN, False),
        (PROVISION, Reply(500, {}), FAILED, True),
        (PROVISION, Reply(problem="no time", sent=True), FAILED, True),
        (PROVISION, Reply(problem="nobody", sent=False), FAILED, False),
        (BIND, Reply(201, {"credentials": {}}), DONE, False),
        (BIND, Reply(201, {"credentials": "text"}), FAILED, True),
        (BIND, Reply(201, {"volume_mounts": [1]}), FAILED, True),
        (BIND, Reply(201, {"credentials": {"a": "x" * 100_000}}), FAILED, True),
        (BIND, Reply(500, None), FAILED, True),
        (UPDATE, Reply(200, {}), DONE, False),
        (UPDATE, Reply(201, {}), FAILED, False),
        (UPDATE, Reply(500, {}), FAILED, False),
        (DEPROVISION, Reply(200, {}), DONE, False),
        (DEPROVISION, Reply(202, {}), GOES_ON, False),
        (DEPROVISION, Reply(410, None), DONE, False),
        (DEPROVISION, Reply(500, None), FAILED, False),
        (UNBIND, Reply(410, {}), DONE, False),
        (UNBIND, Reply(404, {}), FAILED, False),
    ],
)
def test_a_call_is_done_goes_on_or_failed(verb: str, reply: Reply, state: str, orphan: bool) -> None:
    outcome = after_call(verb, reply)
    assert (outcome.state, outcome.orphan) == (state, orphan)
    assert (outcome.error is not None) == (state in (FAILED, AGAIN))


@pytest.mark.parametrize(
    ("verb", "reply", "state", "orphan"),
    [
        (PROVISION, Reply(200, {"state": "in progress"}), GOES_ON, False),
        (PROVISION, Reply(200, {"state": "succeeded"}), DONE, False),
        (PROVISION, Reply(200, {"state": "failed"}), FAILED, True),
        (DEPROVISION, Reply(200, {"state": "failed"}), FAILED, False),
        (DEPROVISION, Reply(410, {}), DONE, False),
        (PROVISION, Reply(410, {}), FAILED, True),
        (PROVISION, Reply(400, {}), FAILED, True),
        (PROVISION, Reply(200, {"state": "odd"}), GOES_ON, False),
        (PROVISION, Reply(200, None), GOES_ON, False),
        (PROVISION, Reply(503, {}), GOES_ON, False),
        (PROVISION, Reply(problem="no time"), GOES_ON, False),
    ],
)
def test_a_poll_that_is_not_understood_is_repeated(verb: str, reply: Reply, state: str, orphan: bool) -> None:
    outcome = after_poll(verb, reply)
    assert (outcome.state, outcome.orphan) == (state, orphan)


def test_brokers_are_quoted_in_short() -> None:
    outcome = after_call(PROVISION, Reply(400, {"description": "x" * 5000}))
    assert outcome.error is not None
    assert outcome.error.details[0] == f"Service broker error: {'x' * 1024}"
    fetched = after_fetch(Reply(404, {"description": "no such binding"}))
    assert fetched.error is not None
    assert fetched.error.details[0] == "Service broker error: no such binding"
