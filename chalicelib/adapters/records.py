"""From an SQS event to messages: decode, drop what has expired, and report one by one what failed.

A message that cannot be decoded fails alone: after ``max_receives`` it lies in the dead-letter queue and its
neighbours never wait for it. (Chalice knows no ReportBatchItemFailures; Terraform sets it on the mappings.)
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from chalicelib.contracts.codec import DecodeError
from chalicelib.contracts.envelope import Envelope, decode

log = logging.getLogger(__name__)

Failures = dict[str, list[dict[str, str]]]


def each(event: dict[str, Any], handle: Callable[[Envelope], None]) -> Failures:
    """Call ``handle`` with every message; what raises is delivered again, alone."""
    failed = []
    for record in event["Records"]:
        try:
            envelope = decode(record["body"])
            if not envelope.is_expired(time.time()):
                handle(envelope)
        except DecodeError as error:
            log.error("message %s cannot be read: %s", record["messageId"], error)
            failed.append(record["messageId"])
        except Exception:
            log.exception("message %s failed", record["messageId"])
            failed.append(record["messageId"])
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
