"""What makes one revision of an app differ from another, in Cloud Foundry's words. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.contracts.frozen import frozen


@frozen
class Contents:
    """commands: process type -> custom command, or None. sidecars: documents, by name."""

    droplet_guid: str
    variables: Mapping[str, str]
    commands: Mapping[str, str | None]
    sidecars: Sequence[Mapping[str, Any]]


def changes(before: Contents, after: Contents) -> list[str]:
    """One sentence for each difference, sorted; none when there is none."""
    reasons = []
    if before.droplet_guid != after.droplet_guid:
        reasons.append("New droplet deployed.")
    if before.variables != after.variables:
        reasons.append("New environment variables deployed.")
    if list(before.sidecars) != list(after.sidecars):
        reasons.append("Sidecars updated.")
    for kind in sorted(before.commands.keys() | after.commands.keys()):
        if reason := _command_change(before.commands, after.commands, kind):
            reasons.append(reason)
    return sorted(reasons)


def _command_change(before: Mapping[str, str | None], after: Mapping[str, str | None], kind: str) -> str:
    if kind not in before:
        return f"New process type '{kind}' added."
    if kind not in after:
        return f"Process type '{kind}' removed."
    if before[kind] == after[kind]:
        return ""
    verb = "added" if before[kind] is None else "removed" if after[kind] is None else "updated"
    return f"Custom start command {verb} for '{kind}' process."
