"""What a host's inbox does with messages that fail."""

import json
from types import SimpleNamespace
from typing import Any, cast

from botocore.exceptions import EndpointConnectionError

from chalicelib.adapters.bus import Bus
from chalicelib.adapters.inbox import MOST_RECEIVES, Inbox
from chalicelib.contracts.envelope import Envelope


class OneQueue:
    """SQS with one queue whose messages are visible again at once."""

    def __init__(self, *bodies: str) -> None:
        self.messages = {f"handle-{i}": body for i, body in enumerate(bodies)}
        self.receives = 0

    def receive_message(self, **_: Any) -> dict[str, Any]:
        self.receives += 1
        attributes = {"ApproximateReceiveCount": str(self.receives)}
        return {
            "Messages": [
                {"ReceiptHandle": handle, "Body": body, "Attributes": attributes}
                for handle, body in self.messages.items()
            ]
        }

    def delete_message_batch(self, QueueUrl: str, Entries: list[dict[str, str]]) -> None:
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
        if not queue.messages or queue.receives > 2 * MOST_RECEIVES:
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
    assert queue.receives == 2
