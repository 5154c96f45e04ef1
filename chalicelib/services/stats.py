"""How the instances of processes are doing: batches of reads, whatever the number of processes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chalicelib.contracts.codec import from_json
from chalicelib.contracts.heartbeat import Usage as Sample
from chalicelib.core.stats import Heard, Line, Place, lines
from chalicelib.services import listing
from chalicelib.tables.actual import Instance, Usage
from chalicelib.tables.running import Placement, Process


@dataclass(frozen=True, slots=True)
class Stats:
    """One instance's line, and its last usage sample if there is one."""

    line: Line
    sample: Sample | None = None


def of(process: Process) -> list[Stats]:
    """One per wanted instance, with usage."""
    found = states([process])[str(process.guid)]
    deas = sorted({line.dea for line in found if line.dea})
    samples = {
        guid: from_json(Sample, sample) for item in listing.fetch(Usage, deas) for guid, sample in item.samples.items()
    }
    return [Stats(line, samples.get(line.instance_guid)) for line in found]


def states(processes: Iterable[Process]) -> dict[str, list[Line]]:
    """Of each process, one per wanted instance. Of instances of other versions, or beyond what is wanted, nothing
    is told.

    Placements name their instances, so both are got by key: two batches for a hundred instances.
    """
    wanted = list(processes)
    rows: dict[str, list[Placement]] = {}
    versions = {str(process.guid): int(process.version) for process in wanted}
    for row in listing.fetch(Placement, [key for process in wanted for key in _places(process)]):
        if int(row.version) == versions[str(row.work_guid)]:
            rows.setdefault(str(row.work_guid), []).append(row)
    heard: dict[str, list[Heard]] = {}
    for item in listing.fetch(Instance, [key for found in rows.values() for key in _instances(found)]):
        if int(item.version) == versions[str(item.process_guid)]:
            heard.setdefault(str(item.process_guid), []).append(_heard(item))
    return {
        guid: lines(int(process.instances), map(_place, rows.get(guid, ())), heard.get(guid, ()))
        for process in wanted
        for guid in (str(process.guid),)
    }


def _places(process: Process) -> list[tuple[str, int]]:
    """Keys of the placements that count."""
    wanted = int(process.instances) if process.state == "STARTED" else 0
    return [(str(process.guid), index) for index in range(wanted)]


def _instances(rows: Sequence[Placement]) -> list[tuple[str, str]]:
    """Keys of the instances that the placements are of, and of those that serve until these do."""
    return [
        (str(row.work_guid), f"{int(row.index)}#{guid}")
        for row in rows
        for guid in (row.instance_guid, row.replaces)
        if guid
    ]


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
