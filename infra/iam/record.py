"""The committed record, infra/iam/recorded.json: what parts have asked for, by the names of the topology. Pure.

``{part: {action: [resource, ...]}}``, all sorted, so that a change in what a part does is a change of few lines.
Resources are named as in the table; an index is ``table:audit-events/index/by-day``. It says what for each of a kind,
and not which: not a host's name, nor a blob's.
"""

from collections.abc import Collection, Iterator, Mapping

from infra.iam.compare import PREFIXES, Recorded
from infra.iam.evaluator import matches
from infra.iam.grants import TOPOLOGY
from infra.iam.render import ONLY, resolved

#: part -> action -> resources
Record = Mapping[str, Mapping[str, Collection[str]]]

INDEX = "/index/"
#: What stands for one of many when a record is read.
SAMPLE = "i-0123456789abcdef0-1a2b3c"


def resources() -> Iterator[str]:
    """All that the table could name."""
    yield from ONLY
    for kinds, names in (
        (("table",), TOPOLOGY["tables"]),
        (("queue", "dead"), TOPOLOGY["queues"]),
        (("topic",), TOPOLOGY["topics"]),
        (("bucket",), TOPOLOGY["buckets"]),
        (("queues",), ("dea", "router")),
    ):
        yield from (f"{kind}:{name}" for kind in kinds for name in names)


def compact(lines: Collection[Recorded]) -> dict[str, dict[str, list[str]]]:
    """Of recorded lines. An ARN that the topology knows nothing of stays as it is."""
    known = {
        pattern: name
        for name in resources()
        if name != "*"
        for prefix in PREFIXES
        for pattern in resolved(name, prefix)
    }
    found: dict[str, dict[str, set[str]]] = {}
    for part, action, arn in lines:
        found.setdefault(part, {}).setdefault(action, set()).add(_name(known, arn))
    return {
        part: {action: sorted(names) for action, names in sorted(actions.items())}
        for part, actions in sorted(found.items())
    }


def _name(known: Mapping[str, str], arn: str) -> str:
    name = next((name for pattern, name in known.items() if matches(pattern, arn)), arn)
    return f"{name}{INDEX}{arn.partition(INDEX)[2]}" if name != arn and INDEX in arn else name


def expanded(record: Record, prefix: str = PREFIXES[0]) -> set[Recorded]:
    """A record as recorded lines of an installation."""
    return {
        (part, action, _arn(name, prefix))
        for part, actions in record.items()
        for action, names in actions.items()
        for name in names
    }


def _arn(name: str, prefix: str) -> str:
    if name == "*" or name.startswith("arn:"):
        return name
    resource, index, its_name = name.partition(INDEX)
    return resolved(resource, prefix)[0].replace("*", SAMPLE) + index + its_name
