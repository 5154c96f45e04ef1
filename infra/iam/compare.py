"""Recorded calls and policies, in both directions: nothing refused that was asked for, nothing granted for nothing."""

from collections.abc import Collection, Mapping

from chalicelib.contracts.frozen import frozen
from infra.iam.evaluator import Call, is_allowed, matches
from infra.iam.render import filled, rendered
from infra.iam.table import Grant

#: Installations that are recorded: the local cloud's, and that of the functional tests.
PREFIXES = ("zf", "test")

#: (part, action, ARN)
Recorded = tuple[str, ...]


@frozen
class Comparison:
    """refused, unused: lines for people."""

    calls: int
    parts: int
    grants: int
    refused: list[str]
    unused: list[str]


def compare(parts: Mapping[str, tuple[Grant, ...]], recorded: Collection[Recorded]) -> Comparison:
    """A grant is used when any of its actions was asked for on any of its resources by its part; those with a reason
    need no call."""
    policies = {
        part: [filled(rendered({part: grants})[f"{part}.json"], prefix) for prefix in PREFIXES]
        for part, grants in parts.items()
    }
    refused = [
        f"refused: {part} {action} {resource}"
        for part, action, resource in sorted(recorded)
        if not is_allowed(policies.get(part, []), Call(action, resource))
    ]
    unused, count = [], 0
    for part, grants in parts.items():
        asked = [(action, resource) for one, action, resource in recorded if one == part]
        for grant in grants:
            for resource in grant.resources:
                count += 1
                if not grant.reason and not _is_used(grant, resource, asked):
                    unused.append(f"unused: {part} {', '.join(grant.actions)} on {resource}")
    return Comparison(len(recorded), len({part for part, *_ in recorded}), count, refused, unused)


def _is_used(grant: Grant, resource: str, asked: Collection[tuple[str, str]]) -> bool:
    template = rendered({"one": (Grant(grant.actions, (resource,)),)})["one.json"]
    patterns = [
        pattern
        for prefix in PREFIXES
        for statement in filled(template, prefix)["Statement"]
        for pattern in statement["Resource"]
    ]
    return any(
        action in grant.actions and any(matches(pattern, found) for pattern in patterns) for action, found in asked
    )
