"""An SQS event source as Lambda has it: poll, gather a batch, invoke, delete what succeeded.

What a handler leaves in ``batchItemFailures``, and the whole batch when it raises, stays in the queue, is
delivered again and ends in the dead-letter queue. While a handler works, the batch is kept invisible, so that a short
visibility (fast redelivery from a killed process) suits long steps too. What keeps failing comes again ever later,
so that an outage of the database does not use up its receives as quickly as that visibility would.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.local.context import LambdaContext

log = logging.getLogger(__name__)

Handler = Callable[[dict[str, Any], LambdaContext], Any]
Message = Mapping[str, Any]

#: SQS gives at most this many messages per receive; larger batches take several.
RECEIVE_MAX = 10

#: How long a poll waits for a first message, seconds. It ends with the process: our AWS gives nothing to a client
#: that has hung up.
WAIT_S = 10

#: Longest time until a failed message comes again, seconds. With a visibility of 4 s the fifth receive, after which it
#: is dead, is a minute after the first; on AWS the topology's visibility spaces them further.
AGAIN_CAP_S = 60

#: Longest pause between polls while the bus does not answer, seconds.
BACKOFF_CAP_S = 5


@dataclass(frozen=True, slots=True)
class QueueSpec:
    """A queue and how its messages are batched. ``window_s``: how long a batch waits to fill."""

    name: str
    url: str
    arn: str
    batch_size: int
    window_s: float
    visibility_s: int
    workers: int


def sqs_event(messages: Sequence[Message], arn: str) -> dict[str, Any]:
    """Received messages in the shape of Lambda's event."""
    region = arn.split(":")[3]
    return {
        "Records": [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": dict(message.get("Attributes", {})),
                "messageAttributes": {},
                "md5OfBody": message["MD5OfBody"],
                "eventSource": "aws:sqs",
                "eventSourceARN": arn,
                "awsRegion": region,
            }
            for message in messages
        ]
    }


def succeeded(messages: Sequence[Message], answer: Any) -> list[Message]:
    """Which messages a handler's answer lets go. An answer that cannot be understood lets none go, as on AWS."""
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    if not failures:
        return list(messages)
    known = {message["MessageId"] for message in messages}
    try:
        failed = {failure["itemIdentifier"] for failure in failures}
    except (TypeError, KeyError):
        return []
    return [message for message in messages if message["MessageId"] not in failed] if failed <= known else []


def again_after_s(receives: int, visibility_s: int) -> int:
    """When a message comes again that has failed and was received so often: twice as late each time."""
    return int(min(visibility_s * 2.0 ** min(receives - 1, 16), max(AGAIN_CAP_S, visibility_s)))


class EventSource:
    """One queue and its handler. ``counts`` go to /varz; they are only indicative under several workers."""

    def __init__(self, sqs: Any, spec: QueueSpec, handler: Handler) -> None:
        self.spec = spec
        self.counts = {"batches": 0, "messages": 0, "failed": 0, "bus_errors": 0}
        self._sqs, self._handler = sqs, handler
        self._in_flight: set[str] = set()
        self._lock = threading.Lock()

    @property
    def is_busy(self) -> bool:
        """Whether any worker has messages in hand."""
        return bool(self._in_flight)

    def start(self, stop: threading.Event) -> None:
        """Daemon threads: workers, which take no further batch after ``stop``, and one that keeps batches invisible."""
        threading.Thread(target=self._keep_invisible, name=f"{self.spec.name}-visibility", daemon=True).start()
        for i in range(self.spec.workers):
            threading.Thread(target=self.run, args=(stop,), name=f"{self.spec.name}-{i}", daemon=True).start()

    def run(self, stop: threading.Event) -> None:
        pause = 0.1
        while not stop.is_set():
            try:
                messages = self._gather(stop)
                if messages:
                    self._process(messages)
                pause = 0.1
            except (BotoCoreError, ClientError) as error:
                self.counts["bus_errors"] += 1
                log.warning("queue %s: the bus does not answer: %s", self.spec.name, error)
                stop.wait(pause)
                pause = min(pause * 2, BACKOFF_CAP_S)

    def _gather(self, stop: threading.Event) -> list[Message]:
        """A batch: what is there at once, and what comes within the window after the first message."""
        messages = self._receive(self.spec.batch_size, WAIT_S)
        if messages and self.spec.window_s and len(messages) < self.spec.batch_size:
            stop.wait(self.spec.window_s)
        while messages and len(messages) < self.spec.batch_size:
            more = self._receive(self.spec.batch_size - len(messages), 0) if self.spec.window_s else []
            if not more:
                break
            messages += more
        return messages

    def _receive(self, count: int, wait_s: int) -> list[Message]:
        answer = self._sqs.receive_message(
            QueueUrl=self.spec.url,
            MaxNumberOfMessages=min(count, RECEIVE_MAX),
            WaitTimeSeconds=wait_s,
            VisibilityTimeout=self.spec.visibility_s,
            MessageSystemAttributeNames=["All"],
        )
        messages: list[Message] = answer.get("Messages", [])
        with self._lock:
            self._in_flight |= {message["ReceiptHandle"] for message in messages}
        return messages

    def _process(self, messages: Sequence[Message]) -> None:
        self.counts["batches"] += 1
        self.counts["messages"] += len(messages)
        failed: list[Message] = []
        try:
            done = succeeded(messages, self._invoke(messages))
            failed = [message for message in messages if message not in done]
            self.counts["failed"] += len(failed)
            # Ten per call is SQS's limit too.
            for start in range(0, len(done), RECEIVE_MAX):
                entries = [
                    {"Id": str(i), "ReceiptHandle": message["ReceiptHandle"]}
                    for i, message in enumerate(done[start : start + RECEIVE_MAX])
                ]
                self._sqs.delete_message_batch(QueueUrl=self.spec.url, Entries=entries)
        finally:
            with self._lock:
                self._in_flight -= {message["ReceiptHandle"] for message in messages}
        # Once nobody keeps them invisible any more.
        self._extend(
            {
                message["ReceiptHandle"]: again_after_s(
                    int(message["Attributes"]["ApproximateReceiveCount"]), self.spec.visibility_s
                )
                for message in failed
            }
        )

    def _invoke(self, messages: Sequence[Message]) -> Any:
        """The handler's answer; an exception of it counts as the failure of every message."""
        try:
            return self._handler(sqs_event(messages, self.spec.arn), LambdaContext(self.spec.name))
        except Exception:
            log.exception("queue %s: the handler failed; %d messages come again", self.spec.name, len(messages))
            return {"batchItemFailures": [{"itemIdentifier": message["MessageId"]} for message in messages]}

    def _keep_invisible(self) -> None:
        pause = threading.Event()
        while not pause.wait(self.spec.visibility_s / 3):
            with self._lock:
                held = dict.fromkeys(self._in_flight, self.spec.visibility_s)
            try:
                self._extend(held)
            except (BotoCoreError, ClientError) as error:
                log.warning("queue %s: visibility not extended: %s", self.spec.name, error)

    def _extend(self, seconds: Mapping[str, int]) -> None:
        """From now on invisible for so long, by receipt handle."""
        entries = [
            {"Id": str(i), "ReceiptHandle": handle, "VisibilityTimeout": timeout}
            for i, (handle, timeout) in enumerate(seconds.items())
        ]
        for start in range(0, len(entries), RECEIVE_MAX):
            self._sqs.change_message_visibility_batch(
                QueueUrl=self.spec.url, Entries=entries[start : start + RECEIVE_MAX]
            )
