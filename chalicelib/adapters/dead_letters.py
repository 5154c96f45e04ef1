"""What functions failed at too often: the dead-letter queue beside each of their queues.

SQS cannot fetch a message by its id: who wants some takes what there is, and lets go of the rest.
"""

from collections.abc import Sequence
from typing import Any

from chalicelib.adapters.bus import Bus
from chalicelib.contracts.frozen import frozen

#: How long what was taken is hidden from others, seconds: longer than a request may last.
HIDDEN_S = 60

#: SQS gives and takes so many at a time.
BATCH = 10


@frozen
class Letter:
    """id: SQS's own, which stays. died_at: epoch s, when it came here. receipt: of this taking."""

    id: str
    body: str
    died_at: float
    receipt: str


class DeadLetters:
    """Of the queue ``name``. Errors are botocore's."""

    def __init__(self, bus: Bus, name: str) -> None:
        self._sqs, self._alive, self._url = bus.sqs, bus.queue_url(name), bus.queue_url(f"{name}-dead")

    def count(self) -> int:
        """About how many there are, those that somebody has taken among them."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)
        return sum(int(answer["Attributes"][name]) for name in names)

    def take(self, most: int) -> list[Letter]:
        """Up to ``most``, in no order. A short wait has SQS ask all of its servers."""
        taken: list[Letter] = []
        while len(taken) < most:
            answer = self._sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=min(BATCH, most - len(taken)),
                VisibilityTimeout=HIDDEN_S,
                WaitTimeSeconds=1,
                MessageSystemAttributeNames=["SentTimestamp"],
            )
            if not answer.get("Messages"):
                break
            taken += map(_letter, answer["Messages"])
        return taken

    def let_go(self, letters: Sequence[Letter]) -> None:
        """Others may take them again."""
        for first in range(0, len(letters), BATCH):
            entries = [
                {"Id": str(number), "ReceiptHandle": letter.receipt, "VisibilityTimeout": 0}
                for number, letter in enumerate(letters[first : first + BATCH])
            ]
            self._sqs.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)

    def replay(self, letter: Letter) -> None:
        """Send it to its queue as it was, then remove it: a death in between has it handled twice, never lost."""
        self._sqs.send_message(QueueUrl=self._alive, MessageBody=letter.body)
        self.drop(letter)

    def drop(self, letter: Letter) -> None:
        self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=letter.receipt)


def _letter(message: dict[str, Any]) -> Letter:
    sent_ms = float(message["Attributes"]["SentTimestamp"])
    return Letter(message["MessageId"], message["Body"], sent_ms / 1000, message["ReceiptHandle"])
