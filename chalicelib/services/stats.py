"""How a process's instances are doing: four reads, whatever their number."""

from dataclasses import dataclass

from chalicelib.contracts.codec import from_json
from chalicelib.contracts.heartbeat import Usage as Sample
from chalicelib.core.stats import Heard, Line, Place, lines
from chalicelib.services import placements
from chalicelib.tables.actual import Instance, Usage
from chalicelib.tables.running import Placement, Process


@dataclass(frozen=True, slots=True)
class Stats:
    """One instance's line, and its last usage sample if there is one."""

    line: Line
    sample: Sample | None = None


def of(process: Process) -> list[Stats]:
    """One per wanted instance, with usage."""
    found = states(process)
    deas = sorted({line.dea for line in found if line.dea})
    samples = {
        guid: from_json(Sample, sample)
        for item in (Usage.batch_get(deas, consistent_read=True) if deas else ())
        for guid, sample in item.samples.items()
    }
    return [Stats(line, samples.get(line.instance_guid)) for line in found]


def states(process: Process) -> list[Line]:
    """One per wanted instance. Of instances of other versions, or beyond what is wanted, nothing is told."""
    if process.state != "STARTED":
        return lines(int(process.instances), (), ())
    version = int(process.version)
    heard = [
        _heard(row) for row in Instance.query(str(process.guid), consistent_read=True) if int(row.version) == version
    ]
    return lines(int(process.instances), [_place(row) for row in placements.rows(process)], heard)


def _place(row: Placement) -> Place:
    return Place(
        index=int(row.index),
        instance_guid=str(row.instance_guid),
        state=str(row.state),
        host=str(row.host or ""),
        port=int(row.port) if row.port else None,
        dea=str(row.dea or ""),
        problem=str(row.problem or ""),
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
