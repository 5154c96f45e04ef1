"""A host's own queue: made at boot, subscribed to its topics, polled, and removed at the end.

The name carries the boot, because SQS wants 60 s before a deleted name is used again and because what was
meant for an earlier boot must not reach this one. Unsubscribe comes before delete: a topic with a subscription
to a missing queue fails its publisher on some stand-ins, and wastes deliveries on AWS.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.adapters.bus import Bus
from chalicelib.contracts.codec import DecodeError
from chalicelib.contracts.envelope import Envelope, decode

log = logging.getLogger(__name__)

#: A dead host's backlog evaporates after this.
RETENTION_S = 900

#: A message that fails this often is dropped, as a function's queue gives it to the dead letters.
MOST_RECEIVES = 5

#: SQS's most for one receive, and for one delete.
AT_ONCE = 10

#: What has been handled is deleted when there is a batch of it, or when it has waited this long as a poll returns,
#: seconds: a receive of a busy queue brings one message, and a delete for each would cost as much again. Polls take
#: 20 s at most, so that it is deleted before it would be visible again; when it is not, it is handled once more.
DELETE_AFTER_S = 5.0


class Inbox:
    """``open()`` creates and subscribes; ``run(handle)`` polls until ``close()``, which removes the queue.

    ``handle(envelope)`` runs in the polling thread and must not raise for a message it does not want; when it
    raises, the message comes again after the visibility time, ``MOST_RECEIVES`` times in all. What fails for good,
    or cannot be decoded, is logged and dropped here: nobody would ever read a dead-letter queue per host.
    """

    def __init__(self, bus: Bus, name: str, topics: Sequence[str], wait_s: int = 20, visibility_s: int = 30):
        self.bus, self.name, self.topics = bus, f"{bus.prefix}-{name}", topics
        self.wait_s, self.visibility_s = wait_s, visibility_s
        self.url = ""
        #: When the bus last answered a poll (monotonic clock); None before the first answer.
        self.on_answer: Callable[[], None] = lambda: None
        self._subscriptions: list[str] = []
        self._stop = threading.Event()
        #: Receipts of what has been handled, and since when the first waits (monotonic seconds).
        self._handled: list[str] = []
        self._handled_since = 0.0

    def open(self) -> str:
        """Returns the queue's URL. Safe to call again after an error half way."""
        sqs, sns = self.bus.sqs, self.bus.sns
        self.url = sqs.create_queue(
            QueueName=self.name,
            Attributes={
                "MessageRetentionPeriod": str(RETENTION_S),
                "VisibilityTimeout": str(self.visibility_s),
                "ReceiveMessageWaitTimeSeconds": str(self.wait_s),
            },
        )["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sqs.set_queue_attributes(QueueUrl=self.url, Attributes={"Policy": self._policy(arn)})
        for topic in self.topics:
            answer = sns.subscribe(
                TopicArn=self.bus.topic_arn(topic),
                Protocol="sqs",
                Endpoint=arn,
                Attributes={"RawMessageDelivery": "true"},
                ReturnSubscriptionArn=True,
            )
            self._subscriptions.append(answer["SubscriptionArn"])
        return self.url

    def _policy(self, arn: str) -> str:
        """Its topics may send; nobody does anything without TLS. Who else may is in the roles' policies."""
        heard = [self.bus.topic_arn(topic) for topic in self.topics]
        hears = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": heard}},
        }
        only_over_tls = {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sqs:*",
            "Resource": arn,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        return json.dumps({"Version": "2012-10-17", "Statement": [hears, only_over_tls]})

    def run(self, handle: Callable[[Envelope], None]) -> None:
        """Poll until closed. A bus that fails is asked again after a back-off of up to 5 s."""
        pause = 0.1
        while not self._stop.is_set():
            try:
                answer = self.bus.sqs.receive_message(
                    QueueUrl=self.url,
                    MaxNumberOfMessages=AT_ONCE,
                    WaitTimeSeconds=self.wait_s,
                    MessageSystemAttributeNames=["ApproximateReceiveCount"],
                )
                self.on_answer()
                pause = 0.1
                messages = answer.get("Messages", [])
                self._handle_all(messages, handle)
                self._delete(is_quiet=not messages)
            except (BotoCoreError, ClientError) as error:
                log.warning("the bus does not answer: %s", error)
                self._stop.wait(pause)
                pause = min(pause * 2, 5)

    def _handle_all(self, messages: list[dict[str, Any]], handle: Callable[[Envelope], None]) -> None:
        for message in messages:
            try:
                handle(decode(message["Body"]))
            except DecodeError as error:
                log.error("dropped a message that cannot be read: %s", error)
            except Exception:
                if int(message["Attributes"]["ApproximateReceiveCount"]) < MOST_RECEIVES:
                    log.exception("a message failed; it comes again")
                    continue
                log.exception("dropped a message that failed %d times", MOST_RECEIVES)
            if not self._handled:
                self._handled_since = time.monotonic()
            self._handled.append(message["ReceiptHandle"])

    def _delete(self, is_quiet: bool) -> None:
        """What has been handled, when it is due; ``is_quiet``: nothing else has come."""
        is_due = is_quiet or time.monotonic() - self._handled_since >= DELETE_AFTER_S
        while len(self._handled) >= AT_ONCE or (self._handled and is_due):
            batch = self._handled[:AT_ONCE]
            entries = [{"Id": str(i), "ReceiptHandle": receipt} for i, receipt in enumerate(batch)]
            self.bus.sqs.delete_message_batch(QueueUrl=self.url, Entries=entries)
            del self._handled[:AT_ONCE]

    def start(self, handle: Callable[[Envelope], None]) -> threading.Thread:
        """:meth:`run` in a daemon thread, so that a long poll never delays the end of the process."""
        thread = threading.Thread(target=self.run, args=(handle,), name=f"inbox-{self.name}", daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        self._stop.set()

    def close(self) -> None:
        """Stop polling, unsubscribe, then delete the queue."""
        self._stop.set()
        for arn in self._subscriptions:
            self.bus.sns.unsubscribe(SubscriptionArn=arn)
        if self.url:
            self.bus.sqs.delete_queue(QueueUrl=self.url)
