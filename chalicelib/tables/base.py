"""What all resources share, and the three tables that make names unique, lists consistent and sends durable."""

from typing import Any, ClassVar

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute, VersionAttribute
from pynamodb.exceptions import PynamoDBException
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chalicelib.tables.connection import Table, table_name


class Resource(Table):
    """A v3 resource. ``created_at`` and ``updated_at`` are stamps with microseconds (adapters.clock.stamp).

    ``rev`` makes every save conditional on nobody else having saved since this copy was read.
    """

    guid = UnicodeAttribute(hash_key=True)
    created_at = UnicodeAttribute()
    updated_at = UnicodeAttribute()
    labels = JSONAttribute(default=dict)
    annotations = JSONAttribute(default=dict)
    rev = VersionAttribute()

    #: What the API calls it: "App" in "App not found".
    LABEL: ClassVar[str] = "Resource"
    #: The last part of its path and of its lists: "apps".
    KIND: ClassVar[str] = "resources"

    @property
    def list_name(self) -> str:
        """What ``names=`` compares with and ``order_by=name`` sorts by."""
        return str(getattr(self, "name", ""))

    def parents(self) -> list[str]:
        """The lists it is a member of, besides the one of all of its kind: ``space/<guid>`` and the like."""
        return []


class Member(Table):
    """A resource in a list. parent: ``apps`` (all of a kind) or ``space/<guid>/apps``."""

    class Meta:
        table_name = table_name("members")

    parent = UnicodeAttribute(hash_key=True)
    member = UnicodeAttribute(range_key=True)  # created_at#guid: the list is in order of creation
    name = UnicodeAttribute(default="")

    @property
    def guid(self) -> str:
        return str(self.member).partition("#")[2]

    @property
    def created_at(self) -> str:
        return str(self.member).partition("#")[0]


class Name(Table):
    """The item that makes a name unique within its scope, and answers who has it.

    uses: how many hold it together, where that is possible (the routes of one host).
    """

    class Meta:
        table_name = table_name("names")

    scope = UnicodeAttribute(hash_key=True)
    name = UnicodeAttribute(range_key=True)
    guid = UnicodeAttribute()
    uses = NumberAttribute(null=True)


class Outgoing(Table):
    """A message that a state change owes. Written with the change, deleted once sent, re-sent by the sweep."""

    class Meta:
        table_name = table_name("outbox")

    shard = NumberAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)  # stamp#message id: a query of a shard is in order of age
    address = UnicodeAttribute()
    envelope = UnicodeAttribute()
    delay_s = NumberAttribute(default=0)


OUTBOX_SHARDS = 8


class Due(Table):
    """A deadline that the sweep keeps: a build, job or package that must have ended by then.

    Written with the resource, deleted with its end. key: ``<stamp of the deadline>#<guid>``.
    """

    class Meta:
        table_name = table_name("due")

    kind = UnicodeAttribute(hash_key=True)
    key = UnicodeAttribute(range_key=True)

    @property
    def guid(self) -> str:
        return str(self.key).partition("#")[2]


def memberships(resource: Resource) -> list[Member]:
    """The membership items that belong to a resource. Its created_at must be set."""
    everywhere = Member(resource.KIND, _member(resource), name=resource.list_name)
    return [everywhere, *(membership(resource, parent) for parent in resource.parents())]


def membership(resource: Resource, parent: str) -> Member:
    """The item that makes a resource a member of ``<parent>/<kind>``."""
    return Member(f"{parent}/{resource.KIND}", _member(resource), name=resource.list_name)


def _member(resource: Resource) -> str:
    return f"{resource.created_at}#{resource.guid}"


def plain(value: Any) -> Any:
    """A pynamodb number that is whole, as an int."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def moved(item: Table, actions: list[Action], condition: Condition) -> bool:
    """One plain conditional update: whether the condition held."""
    try:
        item.update(actions, condition)
    except PynamoDBException as error:
        if error.cause_response_code != "ConditionalCheckFailedException":
            raise
        return False
    return True
