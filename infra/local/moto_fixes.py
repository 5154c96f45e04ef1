"""Corrections to moto where it differs from AWS in what this platform stands on, or costs too much per call.

Each was measured against moto 5.2.5, which is pinned; tests/functional/local/test_aws.py holds them. In short:
a cancelled transaction loses writes of others, a transaction sent again is done again, a query reads the whole
table, a served long poll of a dead client eats a message, a publish fails when one subscriber's queue is gone, and
memory grows with every message.
"""

import base64
import copy
import functools
import inspect
import json
import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

import moto.core.responses
from moto.core.responses import ActionResult
from moto.dynamodb.exceptions import DynamodbException
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler
from moto.sns.models import Subscription, Topic
from moto.sqs.exceptions import QueueDoesNotExist
from moto.sqs.models import Message, Queue, SQSBackend

#: Whether the client of the request that this thread serves has hung up; set by the server per request.
client = threading.local()


class ClientGone(Exception):
    """The consumer of a long poll has died: what comes next must go to somebody who lives."""


class IdempotentParameterMismatch(DynamodbException):
    error_type = "com.amazonaws.dynamodb.v20120810#IdempotentParameterMismatchException"

    def __init__(self) -> None:
        super().__init__(self.error_type, "DynamoDB Transaction was called with the same token and other parameters")


#: For how long a transaction's token is known, in seconds: the API reference of TransactWriteItems.
TOKEN_S = 600


class Tokens:
    """Tokens of the transactions that were done: a client that missed the answer sends its transaction again."""

    def __init__(self) -> None:
        self._done: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def is_done(self, token: str, operations: int, now: float) -> bool:
        """operations: their hash. Raises IdempotentParameterMismatch when the token was another transaction's."""
        while self._done and next(iter(self._done.values()))[0] < now - TOKEN_S:
            self._done.popitem(last=False)
        if token not in self._done:
            return False
        if self._done[token][1] != operations:
            raise IdempotentParameterMismatch
        return True

    def add(self, token: str, operations: int, now: float) -> None:
        self._done[token] = now, operations


tokens = Tokens()


class DynamoHandlerOnJson(DynamoHandler):
    """moto's handler, with JSON in and out as it is, and with idempotent transactions.

    moto walks botocore's service model for every attribute of every item, 0.1 ms each; DynamoDB's wire format is
    what the backend keeps, so there is nothing to translate.
    """

    def transact_write_items(self) -> ActionResult:
        token, operations = self.body.get("ClientRequestToken"), hash(json.dumps(self.body["TransactItems"]))
        if token is None:
            return super().transact_write_items()
        if tokens.is_done(token, operations, time.monotonic()):
            return ActionResult({})
        result = super().transact_write_items()
        tokens.add(token, operations, time.monotonic())
        return result

    def parse_parameters(self, request: Any) -> None:
        self.params = json.loads(self.raw_body)

    def serialized(self, action_result: Any) -> Any:
        if isinstance(action_result.result, Exception):
            return super().serialized(action_result)
        headers = {"Content-Type": "application/x-amz-json-1.0", **self.response_headers}
        return 200, headers, json.dumps(action_result.result or {}, default=_wire_value)


def _wire_value(value: Any) -> Any:
    """How the JSON protocol writes what JSON has no type for."""
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value.timestamp()


@functools.cache
def apply() -> None:
    """Patch moto, once per process."""
    moto.core.responses.method_names_from_class = functools.cache(moto.core.responses.method_names_from_class)
    _dynamodb()
    _sqs()
    _sns()


def _dynamodb() -> None:
    # moto restores a deep copy of whole tables, and with it everybody else's old items. Making that copy the
    # table itself turns its restore into nothing; the touched items are restored here.
    Table.__deepcopy__ = lambda self, memo: self
    # Sorting asks every key for its value many times; nearly all are texts.
    cast = DynamoType.cast_value.fget
    DynamoType.cast_value = property(lambda self: self.value if self.type == "S" else cast(self))
    transact, query = DynamoDBBackend.transact_write_items, Table.query

    def transact_write_items(self: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
        before = [
            (table, *key, copy.deepcopy(table.get_item(*key)))
            for table, key in (_touched(self, item) for item in transact_items)
        ]
        try:
            transact(self, transact_items)
        except Exception:
            for table, hash_key, range_key, item in before:
                put_back(table, hash_key, range_key, item)
            raise

    arguments = inspect.signature(query)

    def query_partition(self: Table, *args: Any, **kwargs: Any) -> Any:
        asked = arguments.bind(self, *args, **kwargs).arguments
        view = copy.copy(self)
        if asked.get("index_name") is None:
            hash_key = asked["hash_key"]
            view.items = {hash_key: self.items[hash_key]} if hash_key in self.items else {}
        elif self.range_key_attr is None:
            wanted = asked.get("hash_key_conditions") or []
            view.items = {k: v for k, v in self.items.items() if all(v.attrs.get(a) == b for a, b in wanted)}
        return query(view, *args, **kwargs)

    DynamoDBBackend.transact_write_items = transact_write_items
    Table.query = query_partition


def _touched(backend: DynamoDBBackend, operation: dict[str, Any]) -> tuple[Table, tuple[Any, Any]]:
    """Table and key of one transaction item."""
    ((kind, body),) = operation.items()
    table = backend.get_table(body["TableName"])
    return table, item_key(table, body["Item"] if kind == "Put" else body["Key"])


def item_key(table: Table, attributes: dict[str, Any]) -> tuple[Any, Any]:
    """(hash key, range key or None) as moto's values."""
    hash_key = DynamoType(attributes[table.hash_key_attr])
    return hash_key, DynamoType(attributes[table.range_key_attr]) if table.range_key_attr else None


def put_back(table: Table, hash_key: Any, range_key: Any, item: Item | None) -> None:
    """Make ``item`` (or nothing) what the table holds under this key."""
    if item is None:
        table.delete_item(hash_key, range_key)
    elif range_key is None:
        table.items[hash_key] = item
    else:
        table.items[hash_key][range_key] = item


def _sqs() -> None:
    Message.visible = property(lambda self: time.time() * 1000 > self.visible_at)
    Message.delayed = property(lambda self: time.time() * 1000 < self.delayed_until)

    def wait_for_messages(self: Queue, timeout: float) -> None:
        with self._messages_lock:
            # moto looks once a second for messages whose delay or invisibility has ended.
            due = min((max(m.visible_at, m.delayed_until) for m in self._messages), default=math.inf)
            pause = min(timeout, max(0.005, due / 1000 - time.time() + 0.002))
            self._messages_lock.wait_for(lambda: self.messages, timeout=pause)
        if getattr(client, "gone", bool)():
            raise ClientGone

    def delete_message(self: Queue, receipt_handle: str) -> None:
        # As on AWS, deleting what is gone succeeds. moto remembers every handle for ever to know that.
        with self._messages_lock:
            for message in [m for m in self._messages if m.had_receipt_handle(receipt_handle)]:
                self.pending_messages.discard(message)
                self._messages.remove(message)

    def is_retained(self: SQSBackend, queue_name: str, message: Message) -> bool:
        # moto asks for the queue's attributes here, which counts its messages three times for every message.
        return bool(self.get_queue(queue_name).message_retention_period + message.sent_timestamp / 1000 > time.time())

    Queue.wait_for_messages = wait_for_messages
    Queue.delete_message = delete_message
    SQSBackend.is_message_valid_based_on_retention_period = is_retained


def _sns() -> None:
    make, publish = Topic.__init__, Subscription.publish

    def make_topic(self: Topic, *args: Any, **kwargs: Any) -> None:
        make(self, *args, **kwargs)
        self.sent_notifications = deque(maxlen=0)

    Topic.__init__ = make_topic
    Subscription.publish = _to_missing_queues_nothing(publish)


def _to_missing_queues_nothing(publish: Callable[..., None]) -> Callable[..., None]:
    def deliver(self: Subscription, *args: Any, **kwargs: Any) -> None:
        try:
            publish(self, *args, **kwargs)
        except QueueDoesNotExist:
            pass  # the publisher must not suffer for a dead subscriber

    return deliver
