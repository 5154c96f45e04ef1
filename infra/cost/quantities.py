"""How often things happen: pure arithmetic of polls, batches and repetitions. Rates are per second."""

import math

from chalicelib.adapters.inbox import DELETE_AFTER_S

#: SQS's and SNS's unit of billing, bytes.
CHUNK = 64 * 1024
#: What one receive, and one delete, takes at most.
RECEIVE_MAX = 10
#: SQS's longest poll, which Lambda's pollers and hosts use, seconds.
POLL_S = 20.0


def chunks(size: float) -> int:
    return max(1, math.ceil(size / CHUNK))


def recurring(asked: float, interval_s: float) -> float:
    """How often something is done that is done whenever it is asked for, and ``interval_s`` after the last time.

    asked: requests per second, at random moments; the wait for the next is the shorter of both.
    """
    if asked * interval_s < 1e-6:
        return 1 / interval_s
    return asked / -math.expm1(-asked * interval_s)


def deletes(messages: float) -> float:
    """Deletes per second on a host's queue: a first message waits for others (adapters/inbox.py), ten at most."""
    return messages / min(RECEIVE_MAX, 1 + messages * DELETE_AFTER_S)


def receives(messages: float, pollers: int = 1, most: float = math.inf) -> float:
    """Receives per second on a queue: one per message, because a long poll ends with the first, and the empty ones.

    Each poller waits POLL_S at most. most: how many the pollers can make, when there is no time for one per message.
    """
    return min(pollers * recurring(messages / pollers, POLL_S), max(most, messages / RECEIVE_MAX))
