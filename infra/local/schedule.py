"""A schedule as EventBridge has it: a handler called every so often, never beside itself."""

import logging
import threading
import time
import uuid
from typing import Any

from infra.local import account
from infra.local.context import LambdaContext
from infra.local.event_source import Handler

log = logging.getLogger(__name__)


def scheduled_event(name: str, at: float) -> dict[str, Any]:
    """EventBridge's event. ``at``: seconds since the epoch."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": account.ACCOUNT,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)),
        "region": account.REGION,
        "resources": [f"arn:aws:events:{account.REGION}:{account.ACCOUNT}:rule/{name}"],
        "detail": {},
    }


class Schedule:
    """Calls ``handler`` every ``interval_s``, the first time after one interval. A run that takes longer
    delays the next; one that raises is logged, and the next comes as usual."""

    def __init__(self, name: str, interval_s: float, handler: Handler) -> None:
        self.name = name
        self.counts = {"runs": 0, "failed": 0, "last_ms": 0.0}
        self._interval_s, self._handler = interval_s, handler

    def start(self, stop: threading.Event) -> threading.Thread:
        thread = threading.Thread(target=self.run, args=(stop,), name=self.name, daemon=True)
        thread.start()
        return thread

    def run(self, stop: threading.Event) -> None:
        due = time.monotonic() + self._interval_s
        while not stop.wait(max(0.0, due - time.monotonic())):
            began = time.monotonic()
            # What was missed while a run took long is not made up for.
            due = max(due + self._interval_s, began)
            try:
                self._handler(scheduled_event(self.name, time.time()), LambdaContext(self.name, self._interval_s))
            except Exception:
                self.counts["failed"] += 1
                log.exception("schedule %s failed", self.name)
            self.counts["runs"] += 1
            self.counts["last_ms"] = round((time.monotonic() - began) * 1000, 1)
