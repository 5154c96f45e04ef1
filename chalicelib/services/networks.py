"""What of a space's network holds for work that starts in it now: the hosts that may take it, where it may connect.

It goes into the work's specification and stays as it is until the next start, as in Cloud Foundry.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.adapters.clock import now
from chalicelib.bootstrap import World
from chalicelib.contracts.network import Egress, PolicyTo
from chalicelib.core.errors import Unprocessable
from chalicelib.services import listing
from chalicelib.services.security_groups import applies_to
from chalicelib.tables import presence
from chalicelib.tables.actual import Dea
from chalicelib.tables.identity import IsolationSegment, Organization, Space
from chalicelib.tables.network import NetworkPolicy, SecurityGroup

#: Cloud Foundry's name for the hosts of no segment.
SHARED = "shared"

#: The runtime that holds apps to where they may connect.
CONTAINED = "docker"

NOT_EVERYWHERE = (
    "Not enforced on every host: some run apps as plain processes, which may connect to any address. On hosts that run "
    "them in containers it holds."
)

NO_CONTAINERS = (
    "No host here runs containers, which Docker images need. Add one whose runtime is docker "
    "(on one machine: zf local up --runtime docker)."
)


def segment(space: Space, org: Organization) -> str | None:
    """Name of the segment that the space's work belongs to: its own, else its organization's; None is the shared
    one."""
    guid = space.isolation_segment_guid or org.isolation_segment_guid
    found = listing.find(IsolationSegment, str(guid)) if guid else None
    return None if found is None or str(found.name).casefold() == SHARED else str(found.name)


def egress(space_guid: str, phase: str) -> tuple[Egress, ...]:
    """Of all groups that hold for the space. phase: running or staging."""
    holds = applies_to(space_guid, phase)
    groups = filter(holds, listing.all_of(SecurityGroup, SecurityGroup.KIND))
    return tuple(opened(rule for group in groups for rule in group.rules or ()))


def opened(rules: Iterable[Mapping[str, Any]]) -> Iterable[Egress]:
    """rules: as :mod:`chalicelib.core.security_rules` lets them pass. Each is told once."""
    return dict.fromkeys(
        Egress(
            protocol=rule["protocol"],
            destinations=tuple(rule["destination"].split(",")),
            ports="".join((rule.get("ports") or "").split()),
            type=-1 if rule.get("type") is None else rule["type"],
            code=-1 if rule.get("code") is None else rule["code"],
            log=bool(rule.get("log")),
        )
        for rule in rules
    )


def policies_from(app_guid: str) -> tuple[PolicyTo, ...]:
    """To which apps it may connect."""
    return tuple(
        PolicyTo(str(row.destination), str(row.protocol), int(row.start), int(row.end))
        for row in NetworkPolicy.query(app_guid, consistent_read=True)
        if row.source == app_guid
    )


def warnings(world: World) -> list[str]:
    """For who changes groups and policies, while there are hosts that do not act upon them."""
    return [NOT_EVERYWHERE] if _runtimes(world) - {CONTAINED} else []


def require_containers(world: World) -> None:
    """Raises Unprocessable while hosts are there, none of which runs containers: a Docker image would wait for ever."""
    here = _runtimes(world)
    if here and CONTAINED not in here:
        raise Unprocessable(NO_CONTAINERS)


def _runtimes(world: World) -> set[str]:
    """Of all hosts that are heard."""
    lost_after_s = world.config.timers.lost_after_s
    heard = presence.hearing()
    here = (row for row in Dea.query("all") if not row.lost and now() - presence.seen(row, heard).at <= lost_after_s)
    return {str(row.runtime) for row in here}
