"""What is to be told of a process's instances: one line per index, from what CC wants and what HM has heard. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from chalicelib.contracts.frozen import frozen
from chalicelib.contracts.heartbeat import CRASHED, EVACUATING, RUNNING, STARTING

DOWN = "DOWN"
#: A place that has been found and answered is one that runs, though HM may not have heard of it yet.
PLACED = "STARTED"


@frozen
class Place:
    """A placement of the present version. state: OPEN, CLAIMED, STARTED or CRASHED; problem: why it is still open.

    since: epoch s, when it was opened or its instance was seen healthy. is_succeeding: an evacuating instance serves
    until this one does. is_ready: None where no readiness check says.
    """

    index: int
    instance_guid: str
    state: str
    host: str = ""
    port: int | None = None
    dea: str = ""
    problem: str = ""
    since: float = 0
    is_succeeding: bool = False
    is_ready: bool | None = None


@frozen
class Heard:
    """An instance of the present version as HM has it. since: epoch s of its state."""

    index: int
    instance_guid: str
    state: str
    since: float
    host: str = ""
    port: int | None = None
    dea: str = ""
    reason: str = ""


@frozen
class Line:
    """state: RUNNING, STARTING, CRASHED or DOWN. since: epoch s, 0 when nobody knows. details: in words."""

    index: int
    state: str
    since: float = 0
    instance_guid: str = ""
    host: str = ""
    port: int | None = None
    dea: str = ""
    details: str | None = None
    is_ready: bool = True


def lines(instances: int, places: Iterable[Place], heard: Sequence[Heard]) -> list[Line]:
    """Exactly one per index below ``instances``. What CC has placed tells states; ``heard`` adds what only HM knows."""
    by_index = {place.index: place for place in places}
    of_index: Mapping[int, list[Heard]] = {
        index: [item for item in heard if item.index == index] for index in range(instances)
    }
    found = [_line(index, by_index.get(index), of_index[index]) for index in range(instances)]
    unready = {place.instance_guid for place in by_index.values() if place.is_ready is False}
    return [replace(line, is_ready=False) if line.instance_guid in unready else line for line in found]


def _line(index: int, place: Place | None, heard: Sequence[Heard]) -> Line:
    if place is None:
        return Line(index, DOWN)
    own = next((item for item in heard if item.instance_guid == place.instance_guid), None)
    # Its DEA has told CC that it runs; HM may have heard of an earlier state last.
    if own is not None and not (own.state == STARTING and place.state == PLACED):
        return _told(own)
    if place.state == PLACED:
        return Line(index, RUNNING, place.since, place.instance_guid, place.host, place.port, place.dea)
    if place.state == CRASHED:
        return Line(index, CRASHED, 0, place.instance_guid, place.host, place.port, place.dea)
    # An instance that is being replaced serves until its successor does.
    serving = next((item for item in heard if item.state in (RUNNING, EVACUATING)), None)
    if serving is not None:
        return _told(serving)
    if place.is_succeeding:
        return Line(index, RUNNING)
    if place.problem:
        return Line(index, DOWN, details=place.problem)
    return Line(index, STARTING, place.since, place.instance_guid)


def _told(item: Heard) -> Line:
    state = {EVACUATING: RUNNING, RUNNING: RUNNING, CRASHED: CRASHED}.get(item.state, STARTING)
    details = item.reason or None if state == CRASHED else None
    return Line(item.index, state, item.since, item.instance_guid, item.host, item.port, item.dea, details)
