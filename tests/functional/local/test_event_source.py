"""The event source against queues of the stand-in: batches, windows, partial failure, poison, long work."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from infra.local import cloud
from infra.local.context import LambdaContext
from infra.local.event_source import WAIT_S, EventSource, Handler, QueueSpec, again_after_s

Event = dict[str, Any]
Run = Callable[..., str]


def bodies(event: Event) -> list[str]:
    return [record["body"] for record in event["Records"]]


def until(condition: Callable[[], Any], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def run(sqs: Any, name: str) -> Iterator[Run]:
    """Starts a handler on a queue of its own; returns the queue's address."""
    stop = threading.Event()
    cloud.make_queue(sqs, "t", name, {"max_receives": 3})
    url = sqs.get_queue_url(QueueName=f"t-{name}")["QueueUrl"]

    def start(handler: Handler, send: list[str] = [], **spec: Any) -> str:  # noqa: B006
        for body in send:
            sqs.send_message(QueueUrl=url, MessageBody=body)
        defaults = {"batch_size": 10, "window_s": 0.0, "visibility_s": 1, "workers": 1}
        arn = f"arn:aws:sqs:us-east-1:123456789012:t-{name}"
        EventSource(sqs, QueueSpec(name, url, arn, **(defaults | spec)), handler).start(stop)
        return str(url)

    yield start
    stop.set()


def depth(sqs: Any, url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    return sum(map(int, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()))


def test_a_poison_message_ends_among_the_dead_and_its_neighbours_are_handled_once(run: Run, sqs: Any) -> None:
    seen: list[str] = []

    def handler(event: Event, context: LambdaContext) -> Any:
        seen.extend(bodies(event))
        failed = [r["messageId"] for r in event["Records"] if r["body"] == "poison"]
        return {"batchItemFailures": [{"itemIdentifier": i} for i in failed]}

    url = run(handler, ["a", "poison", "b", "c"])
    dead = f"{url}-dead"
    until(lambda: depth(sqs, dead) == 1)
    assert sqs.receive_message(QueueUrl=dead)["Messages"][0]["Body"] == "poison"
    assert sorted(seen) == ["a", "b", "c", "poison", "poison", "poison"]
    assert depth(sqs, url) == 0


def test_a_handler_that_raises_gets_the_whole_batch_again(run: Run, sqs: Any) -> None:
    batches: list[list[str]] = []

    def handler(event: Event, context: LambdaContext) -> None:
        batches.append(bodies(event))
        if len(batches) == 1:
            raise RuntimeError("not yet")

    url = run(handler, ["a", "b"])
    until(lambda: depth(sqs, url) == 0)
    assert [sorted(batch) for batch in batches] == [["a", "b"], ["a", "b"]]


def test_an_outage_longer_than_all_visibilities_together_loses_nothing(run: Run, sqs: Any) -> None:
    ends_at, seen = time.monotonic() + 2.5, []

    def handler(event: Event, context: LambdaContext) -> None:
        if time.monotonic() < ends_at:
            raise RuntimeError("the database is away")
        seen.extend(bodies(event))

    url = run(handler, ["a", "b"])
    until(lambda: depth(sqs, url) == 0)
    assert (sorted(seen), depth(sqs, f"{url}-dead")) == (["a", "b"], 0)


def test_what_fails_comes_again_ever_later() -> None:
    waits = [again_after_s(receives, 4) for receives in range(1, 7)]
    assert waits == [4, 8, 16, 32, 60, 60]
    assert sum(waits[:4]) > 30  # the fifth receive is the last
    assert again_after_s(10**6, 4) == 60


def test_a_window_gathers_more_than_one_receive_can(run: Run, sqs: Any) -> None:
    batches: list[int] = []
    url = run(
        lambda event, context: batches.append(len(event["Records"])),
        [str(i) for i in range(25)],
        batch_size=100,
        window_s=0.3,
    )
    until(lambda: depth(sqs, url) == 0)
    assert batches == [25]


def test_without_a_window_a_message_is_handled_at_once(run: Run, sqs: Any) -> None:
    handled = threading.Event()
    url = run(lambda event, context: handled.set())
    time.sleep(0.2)
    sqs.send_message(QueueUrl=url, MessageBody="now")
    assert handled.wait(WAIT_S / 2), "not when the long poll ends"


def test_work_longer_than_the_visibility_is_not_given_to_another_worker(run: Run, sqs: Any) -> None:
    seen: list[str] = []

    def handler(event: Event, context: LambdaContext) -> None:
        seen.extend(bodies(event))
        time.sleep(3)

    url = run(handler, ["long"], workers=2)
    until(lambda: depth(sqs, url) == 0)
    assert seen == ["long"]


def test_what_a_killed_worker_held_comes_again(run: Run, sqs: Any) -> None:
    seen: list[str] = []
    url = run(lambda event, context: seen.extend(bodies(event)))
    # Another consumer took it and died: nobody renews its visibility of 1 s.
    sqs.send_message(QueueUrl=f"{url}-dead", MessageBody=json.dumps("x"))
    assert sqs.receive_message(QueueUrl=f"{url}-dead", VisibilityTimeout=1)["Messages"]
    until(lambda: sqs.receive_message(QueueUrl=f"{url}-dead").get("Messages"), 3)


def test_the_context_counts_down() -> None:
    context = LambdaContext("zf-cc", timeout_s=2)
    assert 0 < context.get_remaining_time_in_millis() <= 2000
    assert context.aws_request_id != LambdaContext("zf-cc").aws_request_id
