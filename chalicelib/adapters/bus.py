"""The bus: SNS topics and SQS queues, through botocore. The only module that sends.

Addresses are texts, so that the outbox can keep them: ``topic:<name>`` (dea, routes, components),
``queue:<name>`` (cc, hm, beats, jobs) and ``url:<queue url>`` for the queue of one host.
"""

import time
import uuid
from typing import Any

from botocore.config import Config as BotoConfig

from chalicelib.adapters import aws
from chalicelib.contracts.codec import to_json
from chalicelib.contracts.envelope import Envelope

#: SQS refuses longer delays; a longer wait is chained by the receiver.
MAX_DELAY_S = 900

CLIENT_CONFIG = BotoConfig(connect_timeout=3, read_timeout=30, retries={"max_attempts": 4, "mode": "standard"})


class Bus:
    """Sends envelopes for one component. ``prefix`` starts the name of every topic and queue.

    Safe to use from several threads. Errors are botocore's: the outbox, or the sender's next round, retries.
    """

    def __init__(self, sender: str, prefix: str, region: str = "us-east-1", account: str = "123456789012") -> None:
        self.sender = sender
        self.prefix = prefix
        self._topic_arn = f"arn:aws:sns:{region}:{account}:{prefix}-"
        self.sqs = aws.client("sqs", region, CLIENT_CONFIG)
        self.sns = aws.client("sns", region, CLIENT_CONFIG)
        self._urls: dict[str, str] = {}

    def envelope(self, subject: str, body: Any, trace: str = "") -> Envelope:
        """A new message from this component; without a cause it is its own trace."""
        message_id = uuid.uuid4().hex
        return Envelope(message_id, subject, time.time(), self.sender, trace or message_id, to_json(body))

    def say(self, address: str, subject: str, body: Any, trace: str = "", delay_s: float = 0) -> None:
        """Make and send one message."""
        self.send(address, self.envelope(subject, body, trace), delay_s)

    def send(self, address: str, envelope: Envelope, delay_s: float = 0) -> None:
        """Send to a topic or queue; ``delay_s`` only for queues, cut to what SQS allows."""
        kind, _, name = address.partition(":")
        if kind == "topic":
            self.sns.publish(TopicArn=self.topic_arn(name), Message=envelope.encode())
            return
        url = name if kind == "url" else self.queue_url(name)
        self.sqs.send_message(
            QueueUrl=url, MessageBody=envelope.encode(), DelaySeconds=min(round(delay_s), MAX_DELAY_S)
        )

    def topic_arn(self, name: str) -> str:
        return self._topic_arn + name

    def queue_url(self, name: str) -> str:
        """Looked up once per name."""
        if name not in self._urls:
            self._urls[name] = self.sqs.get_queue_url(QueueName=f"{self.prefix}-{name}")["QueueUrl"]
        return self._urls[name]
