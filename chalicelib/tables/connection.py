"""One DynamoDB connection for all models.

Each pynamodb Model otherwise makes a botocore session and client of its own: 65 ms and 10 MB each
(pynamodb #876). This leans on ``Model._get_connection``, a private method: pynamodb is pinned to 6.1.x and
tests/functional/tables holds it.
"""

import os
import threading
import time
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError
from pynamodb.connection import Connection, TableConnection
from pynamodb.models import Model

from chalicelib.adapters.outage import is_outage
from chalicelib.contracts.frozen import frozen


@frozen
class Patience:
    """How long DynamoDB is waited for, seconds: to connect, for each answer, and until a call is tried no more.

    attempts: of one call; four repetitions wait 7.5 s on average and 15 s at most.
    """

    connect_s: float = 3
    read_s: float = 15
    tries_s: float = 10
    attempts: int = 5

    @property
    def longest_s(self) -> float:
        """What a call may take in all: a try that began just in time waits for its answer. API Gateway gives up
        after 29 s, and whoever asked is to be told before.
        """
        return self.tries_s + max(self.connect_s, self.read_s)


#: In the cloud as on one machine: a stand-in under load is slower than DynamoDB.
PATIENCE = Patience()

_lock = threading.Lock()
_shared: Connection | None = None


def shared(patience: Patience = PATIENCE) -> Connection:
    """The process's connection; its client is made under a lock, because botocore's factory is not thread-safe.

    patience: of whoever asks first.
    """
    global _shared
    with _lock:
        if _shared is None:
            _shared = Connection(
                region=os.environ.get("AWS_DEFAULT_REGION") or os.environ.get("AWS_REGION", "us-east-1"),
                host=os.environ.get("AWS_ENDPOINT_URL"),
                connect_timeout_seconds=patience.connect_s,
                read_timeout_seconds=patience.read_s,
                max_retry_attempts=patience.attempts - 1,
                max_pool_connections=50,
            )
            _end_in_time(_shared.client.meta.events, patience)
        return _shared


def _end_in_time(events: Any, patience: Patience) -> None:
    """botocore counts tries and not time: five that nobody answers would outlast every caller."""

    def begin(params: dict[str, Any], **_: object) -> None:
        params["context"]["until"] = time.monotonic() + patience.tries_s

    def attempt(request: Any, **_: object) -> None:
        if time.monotonic() > request.context["until"]:
            raise ReadTimeoutError(endpoint_url=request.url)

    def failed(
        response: Any, caught_exception: Exception | None, operation: Any, request_dict: Any, **_: object
    ) -> None:
        """Before botocore decides to wait for another try."""
        if time.monotonic() > request_dict["context"]["until"]:
            error = caught_exception or ClientError(response[1], operation.name)
            if is_outage(error):
                raise error

    events.register_first("before-call.dynamodb", begin)
    events.register_first("request-created.dynamodb", attempt)
    events.register_first("needs-retry.dynamodb", failed)


def forget() -> None:
    """Drop the connection, for tests that change the endpoint between clouds."""
    global _shared
    _shared = None


class Table(Model):
    """Base of all models: full table name from ZF_PREFIX, the one shared connection."""

    @classmethod
    def _get_connection(cls) -> TableConnection:
        table: Any = super()._get_connection()
        connection = shared()
        with _lock:
            if table.connection is not connection:
                connection.add_meta_table(table.connection.get_meta_table(table.table_name))
                table.connection = connection
        return table


def table_name(name: str) -> str:
    return f"{os.environ.get('ZF_PREFIX', 'zf')}-{name}"
