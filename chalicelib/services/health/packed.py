"""What a host runs, as its row keeps it: short lists, so that hundreds of instances fit in one item."""

from collections.abc import Iterable, Sequence
from dataclasses import astuple
from typing import Any

from chalicelib.contracts.frozen import frozen
from chalicelib.contracts.heartbeat import Heartbeat, InstanceBeat
from chalicelib.tables.actual import Dea, Instance


@frozen
class Packed:
    """One instance; the order is that of tables.actual.Dea.instances."""

    process_guid: str
    version: int
    index: int
    instance_guid: str
    app_guid: str
    state: str
    since: float
    port: int | None
    routes_version: int

    @property
    def row_key(self) -> str:
        """Range key of its Instance row."""
        return f"{self.index}#{self.instance_guid}"

    def as_list(self) -> list[Any]:
        return list(astuple(self))

    def row(self) -> Instance:
        """An empty Instance row, to write by its key."""
        return Instance(self.process_guid, self.row_key)


def pack(instances: Iterable[InstanceBeat]) -> list[Packed]:
    """Sorted, each guid once."""
    found = {
        one.instance_guid: Packed(
            one.process_guid,
            one.version,
            one.index,
            one.instance_guid,
            one.app_guid,
            one.state,
            one.since,
            one.port,
            one.routes_version,
        )
        for one in instances
    }
    return sorted(found.values(), key=lambda entry: (entry.process_guid, entry.version, entry.index, entry.row_key))


def unpack(row: Dea | None) -> list[Packed]:
    return [Packed(*entry) for entry in row.instances] if row is not None else []


@frozen
class Change:
    """From what was known of a host to what it says now."""

    written: Sequence[Packed]
    vanished: Sequence[Packed]


def change(before: Sequence[Packed], beat: Heartbeat, has_rows: bool) -> Change:
    """``before``: what the host's row lists. has_rows: whether instance rows say the same; those of an earlier boot
    name another queue, those of a lost host are gone."""
    after = pack(beat.instances)
    known, named = set(before) if has_rows else set(), {entry.instance_guid for entry in after}
    return Change(
        written=[entry for entry in after if entry not in known],
        vanished=[entry for entry in before if entry.instance_guid not in named],
    )


def packed_row(row: Instance) -> Packed:
    """An Instance row in the same form."""
    return Packed(
        str(row.process_guid),
        int(row.version),
        int(row.index),
        str(row.instance_guid),
        str(row.app_guid),
        str(row.state),
        float(row.since),
        int(row.port) if row.port is not None else None,
        int(row.routes_version),
    )
