"""What a host's inbox does with messages that fail."""

import json
from collections import Counter
from types import SimpleNamespace
from typing import Any, cast

from botocore.exceptions import EndpointConnectionError

from chalicelib.adapters.bus import Bus
from chalicelib.adapters.inbox import MOST_RECEIVES, Inbox
from chalicelib.contracts.envelope import Envelope


class OneQueue:
    """SQS with one queue. What was received is visible again once nothing else is."""

    def __init__(self, *bodies: str, at_once: int = 10) -> None:
        self.messages = {f"handle-{i}": body for i, body in enumerate(bodies)}
        self.at_once, self.receives = at_once, 0
        self.deletes: list[int] = []
        self._hidden: set[str] = set()
        self._counts: Counter[str] = Counter()

    def receive_message(self, **_: Any) -> dict[str, Any]:
        self.receives += 1
        visible = [handle for handle in self.messages if handle not in self._hidden][: self.at_once]
        self._hidden = self._hidden | {*visible} if visible else set()
        self._counts.update(visible)
        return {
            "Messages": [
                {
                    "ReceiptHandle": handle,
                    "Body": self.messages[handle],
                    "Attributes": {"ApproximateReceiveCount": str(self._counts[handle])},
                }
                for handle in visible
            ]
        }

    def delete_message_batch(self, QueueUrl: str, Entries: list[dict[str, str]]) -> None:
        self.deletes.append(len(Entries))
        for entry in Entries:
            del self.messages[entry["ReceiptHandle"]]


def envelope(message_id: str) -> str:
    return Envelope(message_id, "dea.stop", 0.0, "cc", "t", {}).encode()


def polled(queue: OneQueue, fails: str) -> list[str]:
    """Ids that were handled, until the queue is empty; those equal to ``fails`` raise."""
    inbox = Inbox(cast(Bus, SimpleNamespace(sqs=queue, prefix="zf")), "dea-0", ())
    handled = []

    def handle(message: Envelope) -> None:
        handled.append(message.id)
        if message.id == fails:
            raise EndpointConnectionError(endpoint_url="http://store")

    def stop_when_empty() -> None:
        if not queue.messages or queue.receives > 30:
            inbox.stop()

    inbox.on_answer = stop_when_empty
    inbox.run(handle)
    return handled


def test_what_fails_comes_again_a_few_times_and_its_neighbours_once() -> None:
    queue = OneQueue(envelope("good"), envelope("bad"), envelope("fine"))
    assert polled(queue, fails="bad") == ["good", "bad", "fine", *["bad"] * (MOST_RECEIVES - 1)]
    assert queue.messages == {}


def test_what_cannot_be_read_is_dropped_at_once() -> None:
    queue = OneQueue("}{", json.dumps({"v": 2}), envelope("good"))
    assert polled(queue, fails="") == ["good"]
    assert queue.deletes == [3]


def test_what_is_handled_is_deleted_ten_at_a_time_and_the_rest_when_nothing_comes() -> None:
    """A long poll of a busy queue brings one message."""
    queue = OneQueue(*(envelope(f"m{number}") for number in range(25)), at_once=1)
    assert polled(queue, fails="") == [f"m{number}" for number in range(25)]
    assert queue.deletes == [10, 10, 5]
