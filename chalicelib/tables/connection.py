"""One DynamoDB connection for all models.

Each pynamodb Model otherwise makes a botocore session and client of its own: 65 ms and 10 MB each
(pynamodb #876). This leans on ``Model._get_connection``, a private method: pynamodb is pinned to 6.1.x and
tests/functional/tables holds it.
"""

import os
import threading
from typing import Any

from pynamodb.connection import Connection, TableConnection
from pynamodb.models import Model

_lock = threading.Lock()
_shared: Connection | None = None


def shared() -> Connection:
    """The process's connection; its client is made under a lock, because botocore's factory is not thread-safe."""
    global _shared
    with _lock:
        if _shared is None:
            _shared = Connection(
                region=os.environ.get("AWS_DEFAULT_REGION") or os.environ.get("AWS_REGION", "us-east-1"),
                host=os.environ.get("AWS_ENDPOINT_URL"),
                connect_timeout_seconds=3,
                read_timeout_seconds=15,
                max_retry_attempts=4,  # 7.5 s on average, 15 s at most: an outage is told before gateways give up
                max_pool_connections=50,
            )
            _ = _shared.client
        return _shared


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
