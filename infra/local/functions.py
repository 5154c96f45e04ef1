"""What Lambda does around the control plane's handlers: event sources for queues, and schedules.

``python -m infra.local.functions cc`` runs the handlers of one component, those in topology.json whose names
start with ``cc_`` (or ``hm_``), found in chalicelib.handlers.<component>. SQS triggers and schedules do not
exist in moto; the handlers are the very functions that Lambda runs.

Environment: the common one, and ZF_QUEUE_WORKERS (2, Lambda's own least), the workers
per queue: the one that holds an auction's window open must not keep the next bid from being heard.
"""

import importlib
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import boto3

from chalicelib.core import timers
from infra.local import account, cloud, ops
from infra.local.event_source import EventSource, Handler, QueueSpec
from infra.local.schedule import Schedule

#: A queue whose handler takes one message at a time carries long steps (a package of 1 GB is put together for
#: minutes), so that it gets workers enough for short steps to pass long ones.
WORKERS_FOR_SINGLE_STEPS = 4

#: How long a handler at work is waited for at the end, seconds.
STOP_GRACE_S = 5

#: The cloud's window is a share of its heartbeat; a local one is the same share of the local heartbeat.
CLOUD_HEARTBEAT_S = timers.Timers().heartbeat_s


def handlers_of(component: str, topology: Mapping[str, Any]) -> dict[str, Handler]:
    """The component's handlers by name. Raises AttributeError for one that the module does not have."""
    module = importlib.import_module(f"chalicelib.handlers.{component}")
    queues = [queue["handler"] for queue in topology["queues"].values() if "handler" in queue]
    names = [*queues, *topology["schedules"]]
    return {name: getattr(module, name) for name in names if name.startswith(f"{component}_")}


def event_sources(
    handlers: Mapping[str, Handler], topology: Mapping[str, Any], prefix: str, heartbeat_s: float, workers: int
) -> list[EventSource]:
    """One source per queue whose handler is here; every worker thread of it has a share of the SQS client."""
    sqs = boto3.client("sqs", config=cloud.client_config(pool=50))
    sources = []
    for name, queue in topology["queues"].items():
        if handler := handlers.get(queue.get("handler", "")):
            batch = queue["batch_size"]
            spec = QueueSpec(
                name=name,
                url=sqs.get_queue_url(QueueName=f"{prefix}-{name}")["QueueUrl"],
                arn=f"arn:aws:sqs:{account.REGION}:{account.ACCOUNT}:{prefix}-{name}",
                batch_size=batch,
                window_s=queue["window_s"] * heartbeat_s / CLOUD_HEARTBEAT_S,
                visibility_s=cloud.VISIBILITY_S,
                workers=max(workers, WORKERS_FOR_SINGLE_STEPS) if batch == 1 else workers,
            )
            sources.append(EventSource(sqs, spec, handler))
    return sources


def schedules(
    handlers: Mapping[str, Handler], topology: Mapping[str, Any], interval_of: Callable[[str], float]
) -> list[Schedule]:
    """``interval_of``: seconds of a timer by its name."""
    return [
        Schedule(name, interval_of(spec["timer"]), handlers[name])
        for name, spec in topology["schedules"].items()
        if name in handlers
    ]


def main(component: str) -> None:
    """Run until SIGTERM; a handler at work is given time to finish."""
    ops.log_as_json(component, os.environ.get("ZF_LOG_LEVEL", "INFO"))
    stop = ops.stopping()
    profile = timers.from_env(os.environ)
    topology = cloud.topology()
    handlers = handlers_of(component, topology)
    workers = int(os.environ.get("ZF_QUEUE_WORKERS", "2"))
    sources = event_sources(handlers, topology, os.environ["ZF_PREFIX"], profile.heartbeat_s, workers)
    clocks = schedules(handlers, topology, lambda timer: float(getattr(profile, timer)))
    for source in sources:
        source.start(stop)
    for clock in clocks:
        clock.start(stop)

    def varz() -> dict[str, Any]:
        return {
            "queues": {source.spec.name: source.counts for source in sources},
            "schedules": {clock.name: clock.counts for clock in clocks},
        }

    ops.announce_ready(ops.serve(varz, int(os.environ.get("ZF_HTTP_PORT", "0"))))
    stop.wait()
    deadline = time.monotonic() + STOP_GRACE_S
    # What goes on longer, and any sweep, dies with the process: messages come again, and so do sweeps.
    while any(source.is_busy for source in sources) and time.monotonic() < deadline:
        time.sleep(0.05)


if __name__ == "__main__":
    main(sys.argv[1])
