"""Reading resources: by guid, by unique name, and as pages of membership lists. All reads are consistent.

A page costs one query per list (the membership items), then batch gets of 100 for what the page shows; only a
filter or an order that membership items cannot answer loads every candidate first. Of a list of all of a kind, those
whose guids are known are read without the list. Never a Scan.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import field, replace
from typing import Any, TypeVar

from chalicelib.contracts.frozen import frozen
from chalicelib.core.errors import NotFound
from chalicelib.tables.base import Member, Name, Resource
from chalicelib.tables.connection import Table

R = TypeVar("R", bound=Resource)
#: A test of one resource, and what makes one of all that may be listed, with a batch of reads for all of them.
Test = Callable[[Any], bool]
Join = Callable[[Sequence[Any]], Test]
Row = TypeVar("Row", bound=Table)
T = TypeVar("T")

#: DynamoDB's limit for one batch get.
BATCH = 100

#: DynamoDB's limit for a sort key, bytes. What clients look for may be anything; nothing longer was ever stored.
MAX_KEY_BYTES = 1024


@frozen
class Listing:
    """What to list. lists: membership lists. guids, names, created: filters that members answer; created: tests of
    the stamp of creation. where: on the resource. joins: the same, of what the resources lead to.

    order_by: created_at, updated_at, name or another attribute, with ``-`` for descending. page from 1.
    """

    lists: Sequence[str]
    guids: frozenset[str] | None = None
    names: frozenset[str] | None = None
    created: Sequence[Callable[[str], bool]] = ()
    where: Sequence[Test] = ()
    joins: Sequence[Join] = ()
    order_by: str = "created_at"
    page: int = 1
    per_page: int = 50

    def within(self, guids: Iterable[str]) -> "Listing":
        """Only what is among ``guids``, too."""
        allowed = frozenset(guids)
        return replace(self, guids=allowed if self.guids is None else self.guids & allowed)

    def having(self, test: Test) -> "Listing":
        """Only what passes ``test``, too."""
        return replace(self, where=[*self.where, test])

    def joined(self, join: Join) -> "Listing":
        """Only what passes the test that ``join`` makes of all that has passed the others, too."""
        return replace(self, joins=[*self.joins, join])

    def passing(self, resources: Iterable[T]) -> list[T]:
        """Those that pass all tests on resources."""
        found = [item for item in resources if all(test(item) for test in self.where)]
        for join in self.joins:
            found = list(filter(join(found), found))
        return found

    def admits(self, guid: str, name: str, created_at: str) -> bool:
        """Whether what is told by a member passes the filters on it."""
        return (
            (self.guids is None or guid in self.guids)
            and (self.names is None or name in self.names)
            and all(test(created_at) for test in self.created)
        )

    @property
    def order(self) -> tuple[str, bool]:
        """The attribute to sort by, and whether descending."""
        return self.order_by.lstrip("-+"), self.order_by.startswith("-")

    def slice(self, found: Sequence[T]) -> list[T]:
        """This page's share of all that was found, in order."""
        return list(found[(self.page - 1) * self.per_page : self.page * self.per_page])


@frozen
class Page:
    """``total`` counts all that match; ``items`` is this page's share."""

    items: list[Any] = field(default_factory=list)
    total: int = 0


def is_possible(key: str) -> bool:
    """Whether DynamoDB would take it as a key; it answers others with an error."""
    return 0 < len(key.encode()) <= MAX_KEY_BYTES


def find(model: type[R], guid: str) -> R | None:
    """A resource, read consistently."""
    if not is_possible(guid):
        return None
    try:
        return model.get(guid, consistent_read=True)
    except model.DoesNotExist:
        return None


def get(model: type[R], guid: str, what: str | None = None) -> R:
    """Raises NotFound("App") and the like."""
    resource = find(model, guid)
    if resource is None:
        raise NotFound(what or model.LABEL)
    return resource


def by_name(scope: str, name: str) -> str | None:
    """The guid that has this unique name."""
    return next(iter(by_names([(scope, name)])), None)


def by_names(names: Iterable[tuple[str, str]]) -> list[str]:
    """The guids that have these unique names, each a scope and a name, in no order."""
    keys = {(scope, name.lower()) for scope, name in names if is_possible(scope) and is_possible(name.lower())}
    return [str(item.guid) for item in Name.batch_get(sorted(keys), consistent_read=True)] if keys else []


def members(lists: Iterable[str]) -> list[Member]:
    """The items of several membership lists, each once, in order of creation."""
    found = {}
    for parent in filter(is_possible, lists):
        for member in Member.query(parent, consistent_read=True):
            found[member.guid] = member
    return sorted(found.values(), key=lambda member: str(member.member))


def load(model: type[R], guids: Sequence[str]) -> list[R]:
    """In the order of ``guids``; what is gone in the meantime is left out."""
    guids = list(filter(is_possible, guids))
    found = {str(item.guid): item for item in fetch(model, guids)}
    return [found[guid] for guid in guids if guid in found]


def fetch(model: type[Row], keys: Sequence[Any]) -> list[Row]:
    """The items that have these keys, in no order: a batch get for each hundred, several at a time."""
    batches = [keys[i : i + BATCH] for i in range(0, len(keys), BATCH)]

    def one(batch: Sequence[Any]) -> list[Row]:
        return list(model.batch_get(batch, consistent_read=True))

    if len(batches) > 1:
        with ThreadPoolExecutor(max_workers=8) as pool:
            groups = list(pool.map(one, batches))
    else:
        groups = [one(batch) for batch in batches]
    return [item for group in groups for item in group]


def page(model: type[R], listing: Listing) -> Page:
    """One page, as the module describes."""
    if listing.guids is not None and list(listing.lists) == [model.KIND]:
        return sliced(load(model, sorted(listing.guids)), listing)
    candidates = [
        member for member in members(listing.lists) if listing.admits(member.guid, str(member.name), member.created_at)
    ]
    field_name, descending = listing.order
    if field_name == "name":
        candidates.sort(key=lambda member: str(member.name), reverse=descending)
    elif descending and field_name == "created_at":
        candidates.reverse()
    guids = [member.guid for member in candidates]
    if not listing.where and not listing.joins and field_name in ("created_at", "name"):
        return Page(list(load(model, listing.slice(guids))), len(guids))
    resources = listing.passing(load(model, guids))
    if field_name not in ("created_at", "name"):
        resources.sort(key=lambda item: _sort_key(item, field_name), reverse=descending)
    return Page(list(listing.slice(resources)), len(resources))


def sliced(resources: Iterable[Any], listing: Listing) -> Page:
    """A page of what has been found by other ways than lists, with the listing's filters and order."""
    field_name, descending = listing.order
    chosen = listing.passing(
        item
        for item in resources
        if listing.admits(str(item.guid), getattr(item, "list_name", ""), str(item.created_at))
    )
    attribute = "list_name" if field_name == "name" else field_name
    chosen.sort(key=lambda item: _sort_key(item, attribute), reverse=descending)
    return Page(listing.slice(chosen), len(chosen))


def _sort_key(item: Any, attribute: str) -> tuple[float, str]:
    """Numbers (``position``) sort as numbers, all else as text."""
    value = getattr(item, attribute, None)
    return (value, "") if isinstance(value, int | float) else (0, str(value or ""))


def all_of(model: type[R], parent_list: str) -> list[R]:
    """Every resource of one membership list."""
    return load(model, [member.guid for member in members([parent_list])])
