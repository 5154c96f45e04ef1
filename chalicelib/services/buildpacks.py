"""Buildpacks that administrators install: their names, their order, and which of them a build uses."""

from collections.abc import Iterable, Sequence

from chalicelib.adapters.clock import new_guid
from chalicelib.bootstrap import World
from chalicelib.contracts.staging import InstalledBuildpack
from chalicelib.core.buildpacks import moved
from chalicelib.core.errors import Conflict, NameTaken, Unprocessable
from chalicelib.core.lifecycle import BUILDPACKS, SUFFIX, wrong_buildpacks
from chalicelib.core.roles import Actor
from chalicelib.services import audit, jobs, listing
from chalicelib.tables.apps import Build, Buildpack
from chalicelib.tables.base import Name
from chalicelib.tables.ledger import Job
from chalicelib.tables.unit import Unit

#: Their order changes in one transaction.
MAX_INSTALLED = 80

#: Within which name and stack together are unique.
SCOPE = "buildpacks"
#: The item that lets one change of the order win.
ORDER_SCOPE, ORDER = "buildpacks/order", "order"

#: How long a signed link to a buildpack holds, seconds: a build that has been claimed fetches it at once.
LINK_LIFE_S = 3600


def key(buildpack: Buildpack) -> str:
    """Named by its content: who was given a link to the former bits gets the former bits."""
    return f"buildpacks/{buildpack.guid}/{str(buildpack.digest).removeprefix('sha256:')}.zip"


def in_order() -> list[Buildpack]:
    """All there are, in the order of detection."""
    return sorted(listing.all_of(Buildpack, "buildpacks"), key=lambda buildpack: (buildpack.position, buildpack.guid))


def unique_name(buildpack: Buildpack) -> str:
    return f"{buildpack.name}/{buildpack.stack or ''}"


def taken(buildpack: Buildpack) -> NameTaken:
    where = f"stack '{buildpack.stack}'" if buildpack.stack else "an unassigned stack"
    return NameTaken(f"Buildpack with name '{buildpack.name}' and {where} already exists")


def create(world: World, actor: Actor, buildpack: Buildpack, position: int, trace: str = "") -> Buildpack:
    """``buildpack``: a draft. Raises NameTaken, and Conflict when somebody else changed the order."""
    order, present = _order(), in_order()
    if len(present) >= MAX_INSTALLED:
        raise Unprocessable(f"There can be at most {MAX_INSTALLED} buildpacks")
    buildpack.guid = new_guid()
    unit = world.unit(trace)
    unit.claim(SCOPE, unique_name(buildpack), str(buildpack.guid), taken(buildpack))
    _put_in_order(unit, order, [*present, buildpack], str(buildpack.guid), position)
    unit.create(buildpack)
    _record(unit, actor, "create", buildpack)
    unit.commit()
    return buildpack


def update(
    world: World, actor: Actor, buildpack: Buildpack, former: str, position: int | None, trace: str = ""
) -> Buildpack:
    """Save what the caller changed. ``former``: its unique name until now. Raises NameTaken, Conflict."""
    unit = world.unit(trace)
    if (name := unique_name(buildpack)) != former:
        unit.rename(buildpack, SCOPE, former, name, taken(buildpack))
    if position is not None:
        order = _order()
        present = [buildpack if other.guid == buildpack.guid else other for other in in_order()]
        _put_in_order(unit, order, present, str(buildpack.guid), position)
    unit.put(buildpack)
    _record(unit, actor, "update", buildpack)
    unit.commit()
    return buildpack


def _order() -> Name | None:
    """The item that every change of the order replaces. Read before the buildpacks are."""
    return next(iter(Name.query(ORDER_SCOPE, Name.name == ORDER, consistent_read=True)), None)


def _put_in_order(
    unit: Unit, order: Name | None, present: Sequence[Buildpack], guid: str, position: int | None
) -> None:
    """Give every buildpack its place; all but the one that ``guid`` names, which the caller saves, are saved."""
    condition = Name.guid == order.guid if order else Name.guid.does_not_exist()
    unit.put(Name(ORDER_SCOPE, ORDER, guid=new_guid()), condition, Conflict())
    rows = {str(buildpack.guid): buildpack for buildpack in present}
    for place, other in enumerate(moved(list(rows), guid, position), start=1):
        if rows[other].position != place:
            rows[other].place = place
            if other != guid:
                unit.put(rows[other])


def delete(world: World, actor: Actor, buildpack: Buildpack, trace: str = "") -> Job:
    unit = world.unit(trace)
    job = jobs.start(unit, "buildpack.delete", "delete-buildpack", buildpack, guid=str(buildpack.guid))
    _record(unit, actor, "delete", buildpack)
    unit.commit()
    return job


@jobs.worker("delete-buildpack")
def _delete(world: World, work: dict[str, str]) -> None:
    """Builds that have its link may still fetch it for a moment: its bits go last."""
    order, buildpack = _order(), listing.find(Buildpack, work["guid"])
    if buildpack is not None:
        unit = world.unit()
        unit.release(SCOPE, unique_name(buildpack))
        _put_in_order(unit, order, in_order(), str(buildpack.guid), None)
        unit.remove(buildpack)
        unit.commit()
    world.blobs.delete_prefix(f"buildpacks/{work['guid']}/")


def wrong(names: Sequence[str]) -> list[str]:
    """A sentence for each that is neither installed nor an address. One read, and none without a name."""
    return wrong_buildpacks(names, {str(member.name) for member in listing.members(["buildpacks"])}) if names else []


def installed_for(world: World, build: Build) -> tuple[InstalledBuildpack, ...]:
    """Those that the build names, or else all that may detect, in their order; each with a link to its bits."""
    usable = [item for item in in_order() if _is_usable(item, build)]
    asked = {form for name in build.buildpacks or () for form in (name, name + SUFFIX)}
    chosen = [item for item in usable if not build.buildpacks or item.name in asked]
    return tuple(_source(world, item) for item in _each_name_once(chosen, str(build.stack)))


def require_usable(build: Build) -> None:
    """Raises Unprocessable for what the build names and cannot use: disabled, without bits, of another stack."""
    named = [str(name) for name in build.buildpacks or () if "/" not in str(name)]
    if not named:
        return
    usable = {str(item.name) for item in in_order() if _is_usable(item, build)}
    if problems := wrong_buildpacks(named, usable):
        raise Unprocessable(*problems)


def _is_usable(buildpack: Buildpack, build: Build) -> bool:
    return bool(buildpack.enabled) and buildpack.state == "READY" and buildpack.stack in (None, build.stack)


def _each_name_once(found: Iterable[Buildpack], stack: str) -> list[Buildpack]:
    """Of two of one name, the one that was made for the stack."""
    rows = list(found)
    for_stack = {str(item.name) for item in rows if item.stack == stack}
    return [item for item in rows if item.stack == stack or item.name not in for_stack]


def _source(world: World, buildpack: Buildpack) -> InstalledBuildpack:
    if buildpack.builtin:
        return InstalledBuildpack(str(buildpack.name), builtin=str(buildpack.builtin))
    url = world.blobs.presign_get(key(buildpack), LINK_LIFE_S)
    return InstalledBuildpack(str(buildpack.name), url=url, digest=str(buildpack.digest))


def install_builtin(world: World, actor: Actor, stack: str) -> None:
    """Those that every DEA has with it, behind what is there; once, so that what was deleted stays deleted."""
    if listing.by_name(SCOPE, "built-in"):
        return
    for name in BUILDPACKS:
        draft = Buildpack(name=name + SUFFIX, stack=stack, builtin=name, state="READY", filename=f"{name} (built in)")
        try:
            create(world, actor, draft, MAX_INSTALLED)
        except NameTaken:
            continue  # by a run of this that was killed, or by somebody who knows why
    unit = world.unit()
    unit.claim(SCOPE, "built-in", "built-in")
    unit.commit()


def _record(unit: Unit, actor: Actor, verb: str, buildpack: Buildpack) -> None:
    audit.record(unit, actor, f"audit.buildpack.{verb}", buildpack)
