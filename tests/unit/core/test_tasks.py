"""How tasks end, and when their host no longer has them."""

import pytest

from chalicelib.contracts.heartbeat import REASON_CRASHED, REASON_EVACUATION, REASON_STOPPED
from chalicelib.core.tasks import (
    CANCELING,
    CANCELLED,
    DOUBTED,
    FAILED,
    GONE,
    PENDING,
    RUNNING,
    SUCCEEDED,
    THERE,
    judge,
    outcome,
)


@pytest.mark.parametrize(
    ("state", "reason", "status", "ended"),
    [
        (RUNNING, REASON_CRASHED, 0, (SUCCEEDED, None)),
        (PENDING, REASON_CRASHED, 0, (SUCCEEDED, None)),
        (CANCELING, REASON_CRASHED, 0, (SUCCEEDED, None)),
        (RUNNING, REASON_CRASHED, 3, (FAILED, "words")),
        (RUNNING, REASON_CRASHED, None, (FAILED, "words")),
        (CANCELING, REASON_CRASHED, 3, (FAILED, CANCELLED)),
        (CANCELING, REASON_STOPPED, 0, (FAILED, CANCELLED)),
        (CANCELING, REASON_STOPPED, 143, (FAILED, CANCELLED)),
        (RUNNING, REASON_EVACUATION, 0, (FAILED, "words")),
    ],
)
def test_only_an_exit_of_its_own_with_status_0_is_a_success(
    state: str, reason: str, status: int | None, ended: tuple[str, str | None]
) -> None:
    assert outcome(state, reason, status, "words") == ended


def test_a_failure_has_a_reason_even_when_its_host_gives_none() -> None:
    assert outcome(RUNNING, REASON_CRASHED, 1, "") == (FAILED, "the task failed")


def test_a_task_is_gone_only_when_it_was_missed_twice() -> None:
    assert [judge(listed, doubted) for listed in (True, False) for doubted in (False, True)] == [
        THERE,
        THERE,
        DOUBTED,
        GONE,
    ]
