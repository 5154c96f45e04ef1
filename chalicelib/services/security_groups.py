"""Security groups: which addresses the containers of all, or of some, spaces may connect to.

They are few and the whole platform's: what a space has, and what an actor may see, is found by looking at all.
"""

from collections.abc import Callable, Sequence
from typing import Any

from chalicelib.adapters.clock import new_guid
from chalicelib.bootstrap import World
from chalicelib.core.errors import Conflict, NameTaken, NotAuthorized, NotFound, Unprocessable
from chalicelib.core.roles import MANAGE, READ, Actor
from chalicelib.services import access, audit, jobs, listing
from chalicelib.tables.identity import Space
from chalicelib.tables.ledger import Job
from chalicelib.tables.network import SecurityGroup
from chalicelib.tables.unit import Unit

SCOPE = "security_groups"
RUNNING, STAGING = "running", "staging"

#: Spaces that one group can be bound to, for running and for staging each; they live in its row.
MAX_SPACES = 1000
#: Spaces of one request: each must still be there when the group is written.
MAX_AT_ONCE = 80


def taken(name: str) -> NameTaken:
    return NameTaken(f"Security group with name '{name}' already exists.")


def spaces_of(group: SecurityGroup, phase: str) -> list[str]:
    """``phase``: running or staging."""
    return list(getattr(group, f"{phase}_spaces") or ())


def applies_to(space_guid: str, phase: str) -> Callable[[SecurityGroup], bool]:
    """Whether a group holds for a space: its own or for all."""
    return lambda group: bool(getattr(group, f"is_{phase}")) or space_guid in spaces_of(group, phase)


def visible(actor: Actor) -> Callable[[SecurityGroup], bool]:
    """Those for all spaces, and those of the actor's."""
    found = access.visible_spaces(actor)
    if found is None:
        return lambda group: True
    spaces = frozenset(found)
    return lambda group: bool(
        group.is_running
        or group.is_staging
        or spaces.intersection(spaces_of(group, RUNNING))
        or spaces.intersection(spaces_of(group, STAGING))
    )


def find(actor: Actor, guid: str) -> SecurityGroup:
    """Raises NotFound, also for what the actor may not see."""
    group = listing.get(SecurityGroup, guid)
    if not visible(actor)(group):
        raise NotFound(SecurityGroup.LABEL)
    return group


def create(world: World, actor: Actor, group: SecurityGroup, trace: str = "") -> SecurityGroup:
    """``group``: a draft. Raises NotAuthorized, NameTaken, Unprocessable for unknown spaces."""
    access.require_admin(actor)
    asked = list(dict.fromkeys([*spaces_of(group, RUNNING), *spaces_of(group, STAGING)]))
    _require_all(asked, {str(space.guid) for space in listing.load(Space, asked)}, ".")
    group.guid = new_guid()
    unit = world.unit(trace)
    _require_spaces(unit, asked)
    unit.create(group)
    unit.claim(SCOPE, str(group.name), str(group.guid), taken(str(group.name)))
    audit.record(unit, actor, "audit.security_group.create", group)
    unit.commit()
    return group


def _require_all(asked: Sequence[str], found: set[str], ending: str) -> None:
    if missing := sorted(set(asked) - found):
        quoted = ", ".join(f'"{guid}"' for guid in missing)
        raise Unprocessable(f"Spaces with guids [{quoted}] do not exist{ending}")


def _require_spaces(unit: Unit, guids: Sequence[str]) -> None:
    if len(guids) > MAX_AT_ONCE:
        raise Unprocessable(f"A security group can be bound to at most {MAX_AT_ONCE} spaces at once.")
    for guid in guids:
        unit.require(Space, guid, Conflict())


def update(world: World, actor: Actor, group: SecurityGroup, name: str | None, trace: str = "") -> SecurityGroup:
    """Rename, and save what the caller changed in ``group``. Raises NotAuthorized, NameTaken."""
    access.require_admin(actor)
    unit = world.unit(trace)
    if name is not None and name != group.name:
        old, group.name = str(group.name), name
        unit.rename(group, SCOPE, old, name, taken(name))
    unit.put(group)
    audit.record(unit, actor, "audit.security_group.update", group)
    unit.commit()
    return group


def bind(
    world: World, actor: Actor, group: SecurityGroup, phase: str, space_guids: Sequence[str], trace: str = ""
) -> SecurityGroup:
    """To spaces that the actor manages. Raises Unprocessable, NotAuthorized."""
    spaces = listing.load(Space, space_guids)
    seen = [space for space in spaces if actor.may_in_space(READ, str(space.guid), str(space.org_guid))]
    _require_all(space_guids, {str(space.guid) for space in seen}, ", or you do not have access to them.")
    if not all(actor.may_in_space(MANAGE, str(space.guid), str(space.org_guid)) for space in seen):
        raise NotAuthorized
    after = list(dict.fromkeys([*spaces_of(group, phase), *space_guids]))
    if len(after) > MAX_SPACES:
        raise Unprocessable(f"A security group can be bound to at most {MAX_SPACES} spaces.")
    unit = world.unit(trace)
    _require_spaces(unit, space_guids)
    _set_spaces(unit, actor, group, phase, after, "apply")
    return group


def unbind(world: World, actor: Actor, group: SecurityGroup, phase: str, space_guid: str, trace: str = "") -> None:
    """Raises Unprocessable unless it is bound to this space, NotAuthorized."""
    refused = Unprocessable(
        f"Unable to unbind security group from space with guid '{space_guid}'. Ensure the space is bound to this "
        "security group."
    )
    space = listing.find(Space, space_guid)
    if space is None:
        raise refused
    if not actor.may_in_space(MANAGE, space_guid, str(space.org_guid)):
        raise NotAuthorized
    if space_guid not in spaces_of(group, phase):
        raise refused
    after = [guid for guid in spaces_of(group, phase) if guid != space_guid]
    _set_spaces(world.unit(trace), actor, group, phase, after, "unapply")


def _set_spaces(unit: Unit, actor: Actor, group: SecurityGroup, phase: str, spaces: list[str], verb: str) -> None:
    setattr(group, f"{phase}_spaces", spaces)
    unit.put(group)
    audit.record(unit, actor, f"audit.security_group.{verb}", group, data={"phase": phase})
    unit.commit()


def delete(world: World, actor: Actor, group: SecurityGroup, trace: str = "") -> Job:
    """At once; the job is for clients that expect one. Raises NotAuthorized."""
    access.require_admin(actor)
    unit = world.unit(trace)
    unit.remove(group)
    unit.release(SCOPE, str(group.name))
    audit.record(unit, actor, "audit.security_group.delete", group)
    job = jobs.done(unit, "security_group.delete")
    unit.commit()
    return job


def forget_space(world: World, space_guid: str) -> None:
    """A space that goes is bound to nothing."""
    for group in listing.all_of(SecurityGroup, SecurityGroup.KIND):
        if space_guid in (*spaces_of(group, RUNNING), *spaces_of(group, STAGING)):
            for phase in (RUNNING, STAGING):
                left: list[Any] = [guid for guid in spaces_of(group, phase) if guid != space_guid]
                setattr(group, f"{phase}_spaces", left)
            unit = world.unit()
            unit.put(group)
            unit.commit()
