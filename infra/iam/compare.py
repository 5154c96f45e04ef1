"""Recorded calls and policies, in both directions: nothing refused that was asked for, nothing granted for nothing."""

from collections.abc import Collection, Mapping

from chalicelib.contracts.frozen import frozen
from infra.iam.evaluator import Call, is_allowed, matches
from infra.iam.grants import Grant
from infra.iam.render import filled, rendered, resolved

#: Installations that are recorded: the local cloud's, and that of the functional tests.
PREFIXES = ("zf", "test")

#: (part, action, ARN)
Recorded = tuple[str, ...]


@frozen
class Comparison:
    """grants: of a set of actions on one resource. excepted: of those, the ones that are not seen and need not be.
    refused, unused: lines for people."""

    calls: int
    parts: int
    grants: int
    excepted: int
    refused: list[str]
    unused: list[str]


def compare(parts: Mapping[str, tuple[Grant, ...]], recorded: Collection[Recorded]) -> Comparison:
    """A grant is used when any of its actions was asked for on any of its resources by its part; one that is unseen
    for a reason need not be."""
    policies = {
        part: [filled(rendered({part: grants})[f"{part}.json"], prefix) for prefix in PREFIXES]
        for part, grants in parts.items()
    }
    refused = [
        f"refused: {part} {action} {resource}"
        for part, action, resource in sorted(recorded)
        if not is_allowed(policies.get(part, []), Call(action, resource))
    ]
    unused, excepted, count = [], 0, 0
    for part, grants in parts.items():
        asked = [(action, resource) for one, action, resource in recorded if one == part]
        for grant in grants:
            idle = [resource for resource in grant.resources if not _is_used(grant, resource, asked)]
            count += len(grant.resources)
            if grant.unseen:
                excepted += len(idle)
            else:
                unused += [f"unused: {part} {', '.join(grant.actions)} on {resource}" for resource in idle]
    return Comparison(len(recorded), len({part for part, *_ in recorded}), count, excepted, refused, unused)


def _is_used(grant: Grant, resource: str, asked: Collection[tuple[str, str]]) -> bool:
    patterns = [pattern for prefix in PREFIXES for pattern in resolved(resource, prefix)]
    return any(
        action in grant.actions and any(matches(pattern, found) for pattern in patterns) for action, found in asked
    )
