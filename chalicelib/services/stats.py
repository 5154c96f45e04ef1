"""How the instances of processes are doing: four reads for one process, a batch for many."""

from collections.abc import Iterable

from chalicelib.contracts.codec import from_json
from chalicelib.contracts.frozen import frozen
from chalicelib.contracts.heartbeat import Usage as Sample
from chalicelib.core.stats import Heard, Line, Place, lines
from chalicelib.services import listing, placements
from chalicelib.tables.actual import Instance, Usage
from chalicelib.tables.running import STARTED, Placement, Process


@frozen
class Stats:
    """One instance's line, and its last usage sample if there is one."""

    line: Line
    sample: Sample | None = None


def of(process: Process) -> list[Stats]:
    """One per wanted instance, with usage."""
    found = detailed(process)
    deas = sorted({line.dea for line in found if line.dea})
    samples = {
        guid: from_json(Sample, sample) for item in listing.fetch(Usage, deas) for guid, sample in item.samples.items()
    }
    return [Stats(line, samples.get(line.instance_guid)) for line in found]


def detailed(process: Process) -> list[Line]:
    """One per wanted instance, by what CC wants and what HM has heard. Of instances of other versions, or beyond what
    is wanted, nothing is told."""
    if process.state != "STARTED":
        return lines(int(process.instances), (), ())
    version = int(process.version)
    heard = [
        _heard(row) for row in Instance.query(str(process.guid), consistent_read=True) if int(row.version) == version
    ]
    return lines(int(process.instances), [_place(row) for row in placements.rows(process)], heard)


def brief(processes: Iterable[Process]) -> dict[str, list[Line]]:
    """Of each process its lines by what CC knows alone: one batch of reads for a hundred instances."""
    wanted = list(processes)
    versions = {str(process.guid): int(process.version) for process in wanted}
    keys = [
        (str(process.guid), index)
        for process in wanted
        if process.state == "STARTED"
        for index in range(int(process.instances))
    ]
    places: dict[str, list[Place]] = {guid: [] for guid in versions}
    for row in listing.fetch(Placement, keys):
        if int(row.version) == versions[str(row.work_guid)]:
            places[str(row.work_guid)].append(_place(row))
    return {str(process.guid): lines(int(process.instances), places[str(process.guid)], ()) for process in wanted}


def _place(row: Placement) -> Place:
    return Place(
        index=int(row.index),
        instance_guid=str(row.instance_guid),
        state=str(row.state),
        host=str(row.host or ""),
        port=int(row.port) if row.port else None,
        dea=str(row.dea or ""),
        problem=str(row.problem or ""),
        since=float(row.started_at if row.state == STARTED and row.started_at else row.opened_at),
        is_succeeding=bool(row.replaces),
        is_ready=row.is_ready,
    )


def _heard(row: Instance) -> Heard:
    return Heard(
        index=int(row.index),
        instance_guid=str(row.instance_guid),
        state=str(row.state),
        since=float(row.since),
        host=str(row.host or ""),
        port=int(row.port) if row.port else None,
        dea=str(row.dea or ""),
        reason=str(row.reason or ""),
    )
