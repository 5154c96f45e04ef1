"""A unit of work: one DynamoDB transaction of state changes and of the messages that they owe.

``commit`` writes everything or nothing, then sends the messages and deletes their outbox items. When the sends
fail, or the function dies between the two, the sweep sends what is left; receivers know how to see a message
twice. DynamoDB takes 100 operations in one transaction.
"""

import logging
import random
import time
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException, TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from chalicelib.adapters.bus import Bus
from chalicelib.adapters.clock import new_guid, stamp
from chalicelib.adapters.outage import is_outage
from chalicelib.contracts.envelope import Envelope, decode
from chalicelib.core.errors import Conflict, NameTaken, PaasError
from chalicelib.tables.base import OUTBOX_SHARDS, Due, Name, Outgoing, Resource, membership, memberships
from chalicelib.tables.connection import Table, shared

log = logging.getLogger(__name__)

MAX_OPERATIONS = 100
#: Reasons for which DynamoDB asks to try the same transaction again.
TRANSIENT = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
ATTEMPTS = 6
#: pynamodb sends the operations of a transaction in this order, whatever the order in which they were added, and
#: DynamoDB gives its reasons in the order sent.
ORDER = ("condition_check", "delete", "save", "update")


@dataclass(slots=True)
class Operation:
    """``verb`` is a method of TransactWrite. ``refused``: what to raise when its condition does not hold, or what
    finds that out."""

    verb: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    refused: "Refused" = None


#: What a condition that does not hold means. Callable: it is asked only then, and may read.
Refused = PaasError | Callable[[], PaasError] | None


class Unit:
    """Collects changes and messages; see the module. Not thread-safe; use one per request or message.

    sign: makes grants for messages; only CC can.
    """

    def __init__(self, bus: Bus, trace: str = "", sign: Callable[[dict[str, Any]], str] | None = None) -> None:
        self.bus, self.trace, self.sign = bus, trace, sign
        self._operations: list[Operation] = []
        self._messages: list[tuple[str, Envelope, float]] = []
        self._tallies: dict[Hashable, tuple[Any, Callable[[Unit, Any], None]]] = {}

    # -- state -------------------------------------------------------------------------------------------

    def put(self, item: Table, condition: Condition | None = None, refused: PaasError | None = None) -> None:
        """Write a whole item. A Resource that was read before is conditional on its rev by itself."""
        if isinstance(item, Resource):
            item.updated_at = stamp()
        self._add("save", item, condition=condition, refused=refused)

    def update(
        self,
        item: Table,
        actions: list[Action],
        condition: Condition | None = None,
        refused: Refused = None,
    ) -> None:
        """Change some attributes."""
        self._add("update", item, actions=actions, condition=condition, refused=refused)

    def delete(self, item: Table, condition: Condition | None = None, refused: PaasError | None = None) -> None:
        self._add("delete", item, condition=condition, refused=refused)

    def check(self, model: type[Table], *key: Any, condition: Condition, refused: PaasError | None = None) -> None:
        """Let the transaction stand only while ``condition`` holds for another item."""
        operation = Operation("condition_check", (model, *key), {"condition": condition}, refused)
        self._operations.append(operation)

    def require(self, model: type[Resource], guid: str, refused: PaasError) -> None:
        """Let the transaction stand only while this resource exists: what belongs to it is gone when it is."""
        self.check(model, guid, condition=model.guid.exists(), refused=refused)

    def create(self, resource: Resource) -> None:
        """A new resource with its memberships. Sets created_at when it is not set."""
        if not resource.created_at:
            resource.created_at = stamp()
        self.put(resource, type(resource).guid.does_not_exist())
        self.enlist(resource)

    def enlist(self, resource: Resource) -> None:
        """Its memberships alone."""
        for member in memberships(resource):
            self._add("save", member)

    def remove(self, resource: Resource) -> None:
        """The resource and its memberships."""
        self.delete(resource)
        for member in memberships(resource):
            self._add("delete", member)

    def join(self, resource: Resource, parent: str) -> None:
        """Make the resource a member of one more list than its row tells: ``app/<guid>`` for a route."""
        self._add("save", membership(resource, parent))

    def leave(self, resource: Resource, parent: str) -> None:
        self._add("delete", membership(resource, parent))

    def claim(self, scope: str, name: str, guid: str, taken: PaasError | None = None) -> None:
        """Make ``name`` (compared without case) ``guid``'s own within ``scope``, or fail with ``taken``."""
        item = Name(scope, name.lower(), guid=guid)
        self._add("save", item, condition=Name.guid.does_not_exist(), refused=taken or NameTaken("Name is taken"))

    def release(self, scope: str, name: str) -> None:
        self._add("delete", Name(scope, name.lower()))

    def rename(self, resource: Resource, scope: str, old: str, new: str, taken: PaasError | None = None) -> None:
        """Move the unique name and the memberships' copies of it; the resource has its new name already."""
        if old.lower() != new.lower():
            self.release(scope, old)
            self.claim(scope, new, str(resource.guid), taken)
        self.enlist(resource)

    def due(self, resource: Resource, deadline: float) -> None:
        """Have the sweep look at ``resource`` once ``deadline`` (epoch s) has passed."""
        self._add("save", Due(resource.KIND, f"{stamp(deadline)}#{resource.guid}"))

    def settled(self, resource: Resource, deadline: float) -> None:
        """The resource has ended: the sweep need not look."""
        self._add("delete", Due(resource.KIND, f"{stamp(deadline)}#{resource.guid}"))

    def tally(self, key: Hashable, amount: Any, settle: Callable[["Unit", Any], None]) -> None:
        """Add up what is to be changed in one item: a transaction takes one operation of each.

        ``settle(unit, sum)`` adds that operation when the unit is committed.
        """
        before = self._tallies.get(key)
        self._tallies[key] = (before[0] + amount if before else amount, settle)

    # -- messages ----------------------------------------------------------------------------------------

    def send(self, address: str, subject: str, body: Any, delay_s: float = 0) -> None:
        """Owe a message: it is sent after the commit, and if need be again by the sweep."""
        self._messages.append((address, self.bus.envelope(subject, body, self.trace), delay_s))

    # -- commit ------------------------------------------------------------------------------------------

    def commit(self) -> None:
        """Raises the ``refused`` of the first operation whose condition fails, else Conflict."""
        tallies, self._tallies = self._tallies, {}
        for amount, settle in tallies.values():
            settle(self, amount)
        owed = [_outgoing(*message) for message in self._messages] if self._operations else []
        if self._operations:
            _write([*self._operations, *(Operation("save", (item,), {}) for item in owed)])
        messages, self._operations, self._messages = self._messages, [], []
        if owed:
            deliver(self.bus, owed)
        else:
            for address, envelope, delay_s in messages:
                self.bus.send(address, envelope, delay_s)

    def _add(self, verb: str, item: Table, refused: Refused = None, **kwargs: Any) -> None:
        given = {key: value for key, value in kwargs.items() if value is not None}
        self._operations.append(Operation(verb, (item,), given, refused))


def _outgoing(address: str, envelope: Envelope, delay_s: float) -> Outgoing:
    return Outgoing(
        crc32(envelope.id.encode()) % OUTBOX_SHARDS,
        f"{stamp(envelope.sent_at)}#{envelope.id}",
        address=address,
        envelope=envelope.encode(),
        delay_s=delay_s,
    )


def _write(operations: list[Operation]) -> None:
    if len(operations) > MAX_OPERATIONS:
        raise ValueError(f"{len(operations)} operations do not fit in one transaction of {MAX_OPERATIONS}")
    token = new_guid()
    operations = sorted(operations, key=lambda operation: ORDER.index(operation.verb))
    for attempt in range(ATTEMPTS):
        try:
            return _write_once(operations, token)
        except TransactWriteError as error:
            codes = [reason.code if reason else None for reason in error.cancellation_reasons]
            for operation, code in zip(operations, codes, strict=False):
                if code == "ConditionalCheckFailed":
                    refused = operation.refused
                    raise (refused() if callable(refused) else refused) or Conflict() from None
            # Without reasons it is an outage, during which the client has tried often enough.
            if not TRANSIENT.intersection(code for code in codes if code):
                raise
            if attempt == ATTEMPTS - 1:
                raise Conflict() from error
            time.sleep(random.uniform(0, 0.02 * 2**attempt))
    return None


def _write_once(operations: list[Operation], token: str) -> None:
    with TransactWrite(connection=shared(), client_request_token=token) as transaction:
        for operation in operations:
            getattr(transaction, operation.verb)(*operation.args, **_fresh(operation.kwargs))


def _fresh(kwargs: dict[str, Any]) -> dict[str, Any]:
    """pynamodb adds the version's action to the list it is given, which may be needed for another attempt."""
    return kwargs | {"actions": list(kwargs["actions"])} if "actions" in kwargs else kwargs


def deliver(bus: Bus, owed: Iterable[Outgoing]) -> int:
    """Send outbox items and delete those that went; returns how many did. Never raises for the bus, nor for an item
    that cannot be read: the others are owed all the same.

    A host's queue goes with its boot, and what was meant for it is nobody's any more. Where nobody answers, the rest
    of what was meant for there is left for later.
    """
    sent, deaf = 0, set()
    for item in owed:
        if item.address in deaf:
            continue
        try:
            bus.send(item.address, _read(item), float(item.delay_s))
            item.delete()
            sent += 1
        except bus.sqs.exceptions.QueueDoesNotExist:
            log.warning("%s is gone", item.address)
            if str(item.address).startswith("url:"):
                item.delete()
        except (BotoCoreError, ClientError, PynamoDBException, ValueError) as error:
            log.warning("an owed message stays in the outbox: %s", error)
            if is_outage(error):
                deaf.add(item.address)
    return sent


def _read(item: Outgoing) -> Envelope:
    return decode(str(item.envelope)).sent_again_at(time.time())
