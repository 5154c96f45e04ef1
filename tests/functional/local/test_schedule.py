"""Schedules: every so often, never beside itself, and on after a failure."""

import threading
import time
from typing import Any

from infra.local.context import LambdaContext
from infra.local.schedule import Schedule, scheduled_event


def test_a_slow_run_is_never_overlapped_and_a_failed_one_does_not_end_it() -> None:
    stop, running, runs = threading.Event(), threading.Lock(), []

    def handler(event: dict[str, Any], context: LambdaContext) -> None:
        assert running.acquire(blocking=False), "two runs at once"
        time.sleep(0.1)
        running.release()
        runs.append(time.monotonic())
        if len(runs) == 1:
            raise RuntimeError("once")
        if len(runs) == 3:
            stop.set()

    schedule = Schedule("sweep", 0.03, handler)
    thread = schedule.start(stop)
    thread.join(5)
    assert len(runs) == 3
    assert schedule.counts["failed"] == 1


def test_the_event_is_eventbridges() -> None:
    event = scheduled_event("hm_quick_sweep", 0.0)
    assert event["detail-type"] == "Scheduled Event"
    assert event["time"] == "1970-01-01T00:00:00Z"
    assert event["resources"] == ["arn:aws:events:us-east-1:123456789012:rule/hm_quick_sweep"]
