"""What waits in a queue that no function is called by: taken by who has a reason to look, ten at a time."""

from collections.abc import Sequence
from typing import Any

from chalicelib.adapters.bus import Bus

#: SQS's most for one receive and for one delete.
AT_ONCE = 10

#: As in Lambda's event of SQS: messageId, receiptHandle, body.
Record = dict[str, Any]


class Backlog:
    """Of the queue ``name``. What is not deleted comes again after the queue's visibility."""

    def __init__(self, bus: Bus, name: str) -> None:
        self._sqs, self._url = bus.sqs, bus.queue_url(name)

    def receive(self, wait_s: int = 0) -> list[Record]:
        """AT_ONCE at most. Without a wait SQS asks some of its servers, so that one may be missing that is there;
        with one it asks them all, and waits only when there is nothing."""
        answer = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=AT_ONCE, WaitTimeSeconds=wait_s)
        return [
            {"messageId": each["MessageId"], "receiptHandle": each["ReceiptHandle"], "body": each["Body"]}
            for each in answer.get("Messages", ())
        ]

    def delete(self, records: Sequence[Record]) -> None:
        for first in range(0, len(records), AT_ONCE):
            entries = [
                {"Id": str(i), "ReceiptHandle": record["receiptHandle"]}
                for i, record in enumerate(records[first : first + AT_ONCE])
            ]
            self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)
