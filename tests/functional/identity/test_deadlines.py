"""The sweep of deadlines: bounded, the oldest first, and whole whenever it is killed."""

import time
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from chalicelib.adapters.clock import stamp
from chalicelib.bootstrap import World
from chalicelib.services import deadlines
from chalicelib.tables.base import Due
from chalicelib.tables.connection import shared
from chalicelib.tables.ledger import Job
from tests.functional.cloud import Cloud

#: Deadlines an hour ago, a second apart.
BEGIN = time.time() - 3600


class Killed(BaseException):
    """The function's time was over."""


def overdue(cloud: Cloud, count: int) -> None:
    """Jobs ``j000`` and so on whose time is over, in this order."""
    for number in range(count):
        guid, at = f"j{number:03}", BEGIN + number
        job = Job(guid, operation="app.delete", deadline=at, created_at=stamp(at), updated_at=stamp(at), rev=1)
        cloud.store([job, Due("jobs", f"{stamp(at)}#{guid}")])


def left() -> list[str]:
    return [due.guid for due in Due.query("jobs", consistent_read=True)]


def states(*guids: str) -> set[str]:
    return {str(job.state) for job in Job.batch_get(guids)}


def test_a_sweep_takes_the_oldest_and_leaves_the_rest_to_the_next(
    cloud: Cloud, world: World, counting: Callable[[], Any]
) -> None:
    overdue(cloud, 300)
    boto3.client("dynamodb").put_item(
        TableName=f"{world.config.prefix}-jobs", Item={"guid": {"S": "j000"}, "state": {"N": "1"}}
    )

    with counting() as calls:
        deadlines.sweep(world, at_once=200)

    # Of each: one read, one transaction, and the item; and the one that is broken, put back.
    assert calls == {
        "Query": len(deadlines.EXPIRED),
        "GetItem": 200,
        "TransactWriteItems": 199 + 1,
        "DeleteItem": 199,
    }
    assert left() == [*(f"j{number}" for number in range(200, 300)), "j000"]
    assert states("j001", "j199") == {"FAILED"}
    assert states("j200", "j299") == {"PROCESSING"}

    deadlines.sweep(world, at_once=200)

    assert left() == ["j000"], "not tried again at once"
    assert states("j200", "j299") == {"FAILED"}


def test_a_sweep_begins_nothing_after_its_time(cloud: Cloud, world: World) -> None:
    overdue(cloud, 2)

    deadlines.sweep(world, busy_s=0)

    assert (left(), states("j000", "j001")) == (["j000", "j001"], {"PROCESSING"})


@pytest.mark.parametrize("call", ["GetItem", "TransactWriteItems", "DeleteItem"])
def test_a_sweep_that_is_killed_leaves_its_work_to_the_next(cloud: Cloud, world: World, call: str) -> None:
    overdue(cloud, 3)
    made = []

    def kill(**_: object) -> None:
        made.append(call)
        if len(made) == 2:
            raise Killed

    events = shared().client.meta.events
    events.register(f"before-call.dynamodb.{call}", kill)
    try:
        with pytest.raises(Killed):
            deadlines.sweep(world)
    finally:
        events.unregister(f"before-call.dynamodb.{call}", kill)
    assert states("j002") == {"PROCESSING"}

    deadlines.sweep(world)

    assert (left(), states("j000", "j001", "j002")) == ([], {"FAILED"})
