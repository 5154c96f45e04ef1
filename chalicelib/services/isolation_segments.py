"""Isolation segments: which exist, which organizations are entitled to which, and which spaces are assigned to them.

An entitlement is two membership items, so that both ends can list it. Whatever changes an entitlement saves the
segment, and whatever leans on one saves the organization: the row's rev lets one of two such changes through.
"""

from collections.abc import Sequence

from chalicelib.adapters.clock import new_guid
from chalicelib.bootstrap import World
from chalicelib.core.errors import NameTaken, NotFound, Unprocessable
from chalicelib.core.roles import MANAGE, Actor
from chalicelib.services import access, audit, listing
from chalicelib.tables.base import Member, membership
from chalicelib.tables.identity import IsolationSegment, Organization, Space
from chalicelib.tables.unit import Unit

SCOPE = "isolation_segments"
TAKEN = "Isolation Segment names are case insensitive and must be unique"

#: Organizations in one transaction: each is a check and two memberships.
CHUNK = 30


def create(world: World, actor: Actor, segment: IsolationSegment, trace: str = "") -> IsolationSegment:
    """``segment``: a draft. Raises NameTaken, NotAuthorized."""
    access.require_admin(actor)
    segment.guid = new_guid()
    unit = world.unit(trace)
    unit.create(segment)
    unit.claim(SCOPE, str(segment.name), str(segment.guid), NameTaken(TAKEN))
    unit.commit()
    return segment


def update(
    world: World, actor: Actor, segment: IsolationSegment, name: str | None, trace: str = ""
) -> IsolationSegment:
    """Rename, or save the metadata that the caller merged into ``segment``."""
    access.require_admin(actor)
    unit = world.unit(trace)
    if name is not None and name != segment.name:
        old, segment.name = str(segment.name), name
        unit.rename(segment, SCOPE, old, name, NameTaken(TAKEN))
    unit.put(segment)
    unit.commit()
    return segment


def delete(world: World, actor: Actor, segment: IsolationSegment, trace: str = "") -> None:
    """Raises Unprocessable while an organization is entitled to it."""
    access.require_admin(actor)
    if entitled_orgs(segment):
        raise Unprocessable("Revoke the Organization entitlements for your Isolation Segment.")
    unit = world.unit(trace)
    unit.remove(segment)
    unit.release(SCOPE, str(segment.name))
    unit.commit()


# -- who may see what ------------------------------------------------------------------------------------


def visible_to(actor: Actor) -> frozenset[str] | None:
    """Guids of those that his organizations are entitled to. None: all there are."""
    return None if actor.sees_all else of_orgs(actor.orgs)


def of_orgs(org_guids: Sequence[str] | frozenset[str] | dict[str, frozenset[str]]) -> frozenset[str]:
    """Guids of the segments that at least one of the organizations is entitled to."""
    lists = [f"org/{guid}/{IsolationSegment.KIND}" for guid in sorted(org_guids)]
    return frozenset(member.guid for member in listing.members(lists))


def find_visible(actor: Actor, guid: str) -> IsolationSegment:
    """Raises NotFound("Isolation segment")."""
    segment = listing.find(IsolationSegment, guid)
    visible = visible_to(actor) if segment is not None else None
    if segment is None or (visible is not None and guid not in visible):
        raise NotFound(IsolationSegment.LABEL)
    return segment


def entitled_orgs(segment: IsolationSegment) -> list[str]:
    """Guids of organizations."""
    return [member.guid for member in listing.members([f"{_home(segment)}/organizations"])]


def assigned_spaces(segment: IsolationSegment) -> list[Space]:
    return listing.all_of(Space, f"{_home(segment)}/spaces")


# -- entitlements and assignments --------------------------------------------------------------------------


def entitle(world: World, actor: Actor, segment: IsolationSegment, org_guids: Sequence[str], trace: str = "") -> None:
    """Raises Unprocessable for organizations that do not exist: then none is entitled."""
    access.require_admin(actor)
    orgs = listing.load(Organization, org_guids)
    if missing := sorted(set(org_guids) - {str(org.guid) for org in orgs}):
        named = ", ".join(f"'{guid[:100]}'" for guid in missing)
        raise Unprocessable(
            f"Unable to entitle organizations [{named}] for isolation segment. Ensure the organizations exist and "
            "that you have access to them."
        )
    for i in range(0, len(orgs), CHUNK):
        unit = world.unit(trace)
        unit.put(segment)
        for org in orgs[i : i + CHUNK]:
            unit.require(Organization, str(org.guid), NotFound(Organization.LABEL))
            unit.join(org, _home(segment))
            unit.join(segment, f"org/{org.guid}")
        unit.commit()


def revoke(world: World, actor: Actor, segment: IsolationSegment, org_guid: str, trace: str = "") -> None:
    """Raises NotFound("Organization"); Unprocessable while the organization or a space of it uses the segment."""
    access.require_admin(actor)
    org = listing.get(Organization, org_guid)
    if org.isolation_segment_guid == segment.guid:
        raise Unprocessable(
            "Cannot remove the entitlement while this Isolation Segment is assigned as the Default Isolation Segment "
            "for the Organization."
        )
    if names := [f"'{space.name}'" for space in assigned_spaces(segment) if space.org_guid == org_guid]:
        raise Unprocessable(
            "Cannot remove the entitlement while this Isolation Segment is assigned to any Spaces. Currently assigned "
            f"to: [{', '.join(names)}]"
        )
    unit = world.unit(trace)
    unit.put(org)
    unit.put(segment)
    unit.leave(org, _home(segment))
    unit.leave(segment, f"org/{org.guid}")
    unit.commit()


def set_default(world: World, actor: Actor, org: Organization, segment_guid: str | None, trace: str = "") -> None:
    """For what an organization's spaces run in when they say nothing. ``org``: seen to be the actor's to manage."""
    unit = world.unit(trace)
    _require_entitled(unit, org, segment_guid, "organization.")
    org.isolation_segment_guid = segment_guid
    unit.put(org)
    audit.record(unit, actor, "audit.organization.update", org, org_guid=str(org.guid))
    unit.commit()


def assign(world: World, actor: Actor, space: Space, segment_guid: str | None, trace: str = "") -> None:
    """For what runs in a space from its next start on. Managers of the organization and administrators may."""
    org = access.org_for(actor, str(space.org_guid), MANAGE, Space.LABEL)
    unit = world.unit(trace)
    _require_entitled(unit, org, segment_guid, "organization that this space belongs to.")
    unit.put(org)
    if space.isolation_segment_guid and space.isolation_segment_guid != segment_guid:
        unit.leave(space, f"isolation_segment/{space.isolation_segment_guid}")
    if segment_guid:
        unit.join(space, f"isolation_segment/{segment_guid}")
    space.isolation_segment_guid = segment_guid
    unit.put(space)
    audit.record(unit, actor, "audit.space.update", space, str(space.guid), str(space.org_guid))
    unit.commit()


def leave_all(world: World, org_guid: str) -> None:
    """Of an organization that is going: its entitlements; may be repeated."""
    for member in listing.members([f"org/{org_guid}/{IsolationSegment.KIND}"]):
        unit = world.unit()
        unit.delete(member)
        for other in listing.members([f"isolation_segment/{member.guid}/{Organization.KIND}"]):
            if other.guid == org_guid:
                unit.delete(other)
        unit.commit()


def _require_entitled(unit: Unit, org: Organization, segment_guid: str | None, whom: str) -> None:
    """Raises Unprocessable, now or when the unit is committed."""
    if segment_guid is None:
        return
    refused = Unprocessable(
        f"Unable to assign isolation segment with guid '{segment_guid[:100]}'. "
        f"Ensure it has been entitled to the {whom}"
    )
    segment = listing.find(IsolationSegment, segment_guid)
    if segment is None:
        raise refused
    item = membership(segment, f"org/{org.guid}")
    unit.check(Member, item.parent, item.member, condition=Member.parent.exists(), refused=refused)


def _home(segment: IsolationSegment) -> str:
    return f"isolation_segment/{segment.guid}"
