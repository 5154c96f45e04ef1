"""Other tenants: copies of everything that one tenant has, under guids of their own."""

import json
import re
from collections.abc import Collection, Iterator
from typing import Any

from chalicelib.tables.base import Member, memberships
from chalicelib.tables.connection import Table
from chalicelib.tables.services import ServiceBroker, ServiceOffering, ServicePlan
from tests.functional.cloud import Cloud

GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
#: What brokers offer: an operator's is for everybody, so a tenant has one in his space.
OFFERED = (ServiceBroker, ServiceOffering, ServicePlan)


def rows() -> list[Table]:
    """All that is stored, but for what is sealed."""
    found = [row for model in _models(Table) for row in model.scan()]
    return [row for row in found if not any("B" in value for value in row.serialize().values())]


def _models(base: type[Table]) -> Iterator[type[Table]]:
    for model in base.__subclasses__():
        if hasattr(model, "Meta"):
            yield model
        yield from _models(model)


def add(cloud: Cloud, originals: Collection[Table], tenant: int, space: str, everybodys: Collection[str]) -> None:
    """A copy of the rows, for tenant 1 or another. space: the guid of the space that there is. everybodys: guids of
    what all tenants have together, which stays as it is.
    """

    def own(guid: str) -> str:
        return guid if guid in everybodys else f"{guid[:-6]}{tenant:06x}"

    for row in originals:
        before = row.serialize()
        text = json.dumps(before)
        data: dict[str, Any] = json.loads(GUID.sub(lambda match: own(match[0]), text))
        if any(data[name] != before[name] for name in _key(row)) and not _is_for_everybody(row):
            copy = type(row).from_raw_data(data)
            if isinstance(copy, OFFERED):
                copy.space_guid = own(space)
                cloud.store(memberships(copy))
            if isinstance(copy, ServicePlan):
                copy.visibility = "space"
            cloud.store([copy])


def _key(row: Table) -> list[str]:
    names = (row._hash_keyname, row._range_keyname)
    return [name for name in names if name is not None]


def _is_for_everybody(row: Table) -> bool:
    return isinstance(row, Member) and str(row.parent).startswith("shared/service_")
