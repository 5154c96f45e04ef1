"""How a task ends, and whether its host still has it. Pure.

A task runs at most once. Whatever is not known for certain is waited for, and what stays unknown ends it as FAILED;
nothing ever makes a second run of what may have begun.
"""

from chalicelib.contracts.heartbeat import REASON_CRASHED

PENDING, RUNNING, CANCELING, SUCCEEDED, FAILED = "PENDING", "RUNNING", "CANCELING", "SUCCEEDED", "FAILED"
#: No way leads on from these.
ENDED = (SUCCEEDED, FAILED)

CANCELLED = "task was cancelled"
UNPLACED = "insufficient resources"
UNHEARD = "the task's host did not start it in time"

#: What a host's beats say of a task: it is there; not named, for the first time; gone for good.
THERE, DOUBTED, GONE = "there", "doubted", "gone"


def outcome(state: str, reason: str, exit_status: int | None, description: str) -> tuple[str, str | None]:
    """The last state and the reason of failure, of a task in ``state`` that its host says has ended.

    One that was to be cancelled and had done its work before it heard of it has succeeded.
    """
    if reason == REASON_CRASHED and exit_status == 0:
        return SUCCEEDED, None
    return FAILED, CANCELLED if state == CANCELING else description or "the task failed"


def judge(is_listed: bool, was_doubted: bool) -> str:
    """What to think of a task that has begun to run on a host that is heard.

    is_listed: in the host's last beat. One that is not may have ended just now, its last word being on the way: so
    it is only doubted at first.
    """
    if is_listed:
        return THERE
    return GONE if was_doubted else DOUBTED
