"""Rows of hosts: reading them, and the conditions under which they are written."""

from collections.abc import Callable, Sequence

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chalicelib.adapters.bus import Bus
from chalicelib.core.errors import Conflict
from chalicelib.core.freshness import Hearing, Host
from chalicelib.tables import presence
from chalicelib.tables.actual import Dea, HealthState
from chalicelib.tables.base import moved
from chalicelib.tables.connection import Table
from chalicelib.tables.unit import Unit

POOL = "all"
#: Instance rows written in one transaction, beside the host's row. DynamoDB takes 100 in all.
ROWS_AT_ONCE = 90

#: What adds one change to a transaction.
Step = Callable[[Unit], None]


class Overtaken(Conflict):
    """The host's row was written by somebody else since it was read."""


def find(dea: str) -> Dea | None:
    try:
        return Dea.get(POOL, dea, consistent_read=True)
    except Dea.DoesNotExist:
        return None


def all_hosts() -> list[Dea]:
    return list(Dea.query(POOL, consistent_read=True))


def move_host(dea: str, row: Dea | None, actions: list[Action]) -> bool:
    """Update the host's row if it is still the one that was read."""
    return moved(Dea(POOL, dea), actions, as_read(row))


def deletion(item: Table) -> Step:
    return lambda unit: unit.delete(item)


def move_host_with(bus: Bus, dea: str, row: Dea | None, actions: list[Action], steps: Sequence[Step]) -> None:
    """The same together with ``steps``, in transactions that stand only while the row is as it was read. The row
    itself moves with the last of them, so that a death on the way leaves everything to be done again.

    Raises Overtaken, or what a step refuses with.
    """
    while len(steps) > ROWS_AT_ONCE:
        unit = Unit(bus)
        unit.check(Dea, POOL, dea, condition=as_read(row), refused=Overtaken())
        for step in steps[:ROWS_AT_ONCE]:
            step(unit)
        unit.commit()
        steps = steps[ROWS_AT_ONCE:]
    unit = Unit(bus)
    unit.update(Dea(POOL, dea), actions, as_read(row), refused=Overtaken())
    for step in steps:
        step(unit)
    unit.commit()


def as_read(row: Dea | None) -> Condition:
    """That the row is still the one that was read."""
    condition: Condition = Dea.id.does_not_exist()
    return condition if row is None else (Dea.boot == row.boot) & (Dea.seq == row.seq)


def host_of(row: Dea, hearing: Hearing) -> Host:
    return Host(str(row.id), str(row.boot), presence.seen(row, hearing).at, bool(row.draining), bool(row.lost))


def claim_resync(now: float, interval_s: float) -> bool:
    """Whether the caller is the one who asks for a resync, at most once in ``interval_s``."""
    due = HealthState.key.does_not_exist() | (HealthState.at < now - interval_s)
    return moved(HealthState("resync"), [HealthState.at.set(now)], due)
