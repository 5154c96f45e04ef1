"""Work of which nobody knows how large it is, cut into transactions that DynamoDB takes."""

from collections.abc import Callable, Iterable

from chalicelib.bootstrap import World
from chalicelib.tables.unit import MAX_OPERATIONS, Unit

#: How many operations it adds at most, and what adds them.
Step = tuple[int, Callable[[Unit], None]]

#: What a transaction has room for beside the message that tells the app's log (services.app_log).
ROOM = MAX_OPERATIONS - 1


def commit(world: World, steps: Iterable[Step], trace: str = "") -> None:
    """All steps in order, as many in one transaction as fit. The last transaction holds the last step: let it be
    the one that makes the whole visible, so that a caller who was cut short can simply begin again."""
    unit, room = world.unit(trace), ROOM
    for cost, step in steps:
        if cost > room:
            unit.commit()
            unit, room = world.unit(trace), ROOM
        step(unit)
        room -= cost
    unit.commit()
