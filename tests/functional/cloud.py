"""The cloud of the functional tests: the local cloud's own AWS, in this process, put back between tests.

It is built once per run; what a test left behind is dropped by putting back the tables as they were after the
bootstrap and emptying the queues, which takes a millisecond. Every topic has a tap: a queue that hears all of it.
"""

import copy
from collections.abc import Iterable, Iterator
from typing import Any

import boto3
from moto.dynamodb.models import dynamodb_backends
from moto.sqs.models import sqs_backends

from chalicelib.contracts.envelope import Envelope, decode
from chalicelib.tables.connection import Table
from infra.local import aws, moto_fixes, ops
from infra.local.account import ACCOUNT, REGION
from infra.local.cloud import build, topology

PREFIX = "test"


class Cloud:
    """A running cloud at ``endpoint``."""

    def __init__(self) -> None:
        moto_fixes.apply()
        self.endpoint = aws.serve_in_thread(aws.Aws(), ops.listen(), threads=16)
        self._snapshot: dict[str, Any] = {}

    def build(self) -> None:
        """Make the resources, and a tap for every topic. AWS_ENDPOINT_URL must be this cloud's."""
        build(topology(), PREFIX, self.endpoint)
        sqs, sns = boto3.client("sqs"), boto3.client("sns")
        for topic in topology()["topics"]:
            sqs.create_queue(QueueName=f"{PREFIX}-tap-{topic}")
            sns.subscribe(
                TopicArn=f"arn:aws:sns:{REGION}:{ACCOUNT}:{PREFIX}-{topic}",
                Protocol="sqs",
                Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:{PREFIX}-tap-{topic}",
                Attributes={"RawMessageDelivery": "true"},
            )

    def remember(self) -> None:
        """What the tables hold now is what every test begins with."""
        self._snapshot = self.snapshot()

    def snapshot(self) -> dict[str, Any]:
        """What the tables hold now."""
        return {name: copy.deepcopy(table.items) for name, table in self._tables()}

    def held(self) -> dict[str, Any]:
        """The same for comparison: without the empty places that a mere look leaves behind."""
        return {name: {key: value for key, value in items.items() if value} for name, items in self.snapshot().items()}

    def restore(self, snapshot: dict[str, Any] | None = None) -> None:
        """snapshot: None for what every test begins with."""
        for name, table in self._tables():
            table.items = copy.deepcopy((snapshot or self._snapshot)[name])
        for queue in self._queues().values():
            queue._messages, queue._pending_messages = [], set()

    def store(self, items: Iterable[Table]) -> None:
        """Put items into their tables without a call for each: for tests that need thousands."""
        tables = dict(self._tables())
        for item in items:
            tables[item.Meta.table_name].put_item(item.serialize(), overwrite=True)

    def taken(self, address: str) -> list[Envelope]:
        """Takes every message out of ``queue:<name>``, ``topic:<name>`` or ``url:<url>``: delayed ones, too."""
        kind, _, name = address.partition(":")
        full_name = {"queue": f"{PREFIX}-{name}", "topic": f"{PREFIX}-tap-{name}"}.get(kind, name.rpartition("/")[2])
        queue = self._queues()[full_name]
        messages, queue._messages = queue._messages, []
        return [decode(message.body) for message in messages]

    def make_queue(self, name: str) -> str:
        """A queue as a host has one; returns its address for ``taken`` and for the bus."""
        return f"url:{boto3.client('sqs').create_queue(QueueName=f'{PREFIX}-{name}')['QueueUrl']}"

    def rows(self, table: str) -> int:
        """How many items a table holds."""
        items = dict(self._tables())[f"{PREFIX}-{table}"].items
        return sum(len(value) if isinstance(value, dict) else 1 for value in items.values())

    def _tables(self) -> Iterator[tuple[str, Any]]:
        tables = dynamodb_backends[ACCOUNT][REGION].tables
        return ((name, table) for name, table in tables.items() if name.startswith(f"{PREFIX}-"))

    def _queues(self) -> dict[str, Any]:
        return {name: q for name, q in sqs_backends[ACCOUNT][REGION].queues.items() if name.startswith(f"{PREFIX}-")}
